import type { GroupCommit } from '@ogong/host/store/group-commit';
import type { Store } from '@ogong/host/store/store';
import type { Clock } from '@ogong/host/time/clock';
import { computeDrawInput, type DrawKind, drawArrivals } from '@ogong/protocol/audit/secret-draw';
import { computeSubject, type Test } from '@ogong/protocol/audit/test-report';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { computeVrfPublicKey, proveVrf } from '@ogong/protocol/crypto/vrf';
import { listOffers } from '../store/announcement-store.ts';
import { putDraw, putTest } from '../store/test-store.ts';

/** `unknown`: the provider is not at fault, or the fault is unclear. */
export type TestOutcome = 'answered' | 'missed' | 'unknown';

/** Speed of an answer, by the tester's clock. */
export interface TestPace {
  /** Output tokens, 1 or more. */
  readonly tokens: number;
  /** Time to the first part of the answer, 1 or more. */
  readonly firstMs: number;
  /** Time to its last token, 1 or more. */
  readonly tookMs: number;
}

/** How a test ended. */
export interface TestEnd {
  readonly outcome: TestOutcome;
  /** Speed of the answer, if it was measured. */
  readonly pace?: TestPace | undefined;
}

/** A drawn test before its run. */
export interface DrawnTest extends Omit<Test, 'isMissed'> {
  readonly modelId: string;
  /** As its provider announces it. */
  readonly modality: string;
  /** VRF output for the epoch, 64 bytes. It decides which providers are tested, and when. */
  readonly output: Uint8Array;
}

export interface DrawnTestDependencies {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly store: Store;
  readonly group: GroupCommit;
  readonly vrfSeed: Uint8Array;
  readonly epochMs: number;
  /** Returns the network's present rate, parts per million of an epoch. 0: no tests. */
  readonly ratePpm: () => number;
  readonly onTest?: ((test: Test, end: TestEnd) => void) | undefined;
  readonly onError: (error: unknown) => void;
}

export interface DrawnTests {
  /** Handles the certified beacon of an epoch: the providers that it draws are tested within the epoch. */
  notice(point: { readonly epoch: bigint; readonly value: Uint8Array }): void;
  /**
   * Resolves when all drawn tests have ended.
   * @internal
   */
  idle(): Promise<void>;
  stop(): Promise<void>;
}

/** Tests the providers that the beacon draws, at moments that it draws, and stores the results. */
export function createDrawnTests(
  kind: DrawKind,
  dependencies: DrawnTestDependencies,
  run: (test: DrawnTest, signal: AbortSignal) => Promise<TestEnd>,
): DrawnTests {
  const { crypto, group, vrfSeed, epochMs, ratePpm, onTest, onError } = dependencies;
  const stopping = new AbortController();
  const timers = new Set<NodeJS.Timeout>();
  const running = new Set<Promise<void>>();
  let latest = 0n;

  const start = (work: Promise<void>): void => {
    const ended = work.catch(onError).finally(() => running.delete(ended));
    running.add(ended);
  };

  async function runTest(test: DrawnTest): Promise<void> {
    const end = await run(test, stopping.signal);
    if (stopping.signal.aborted) return;
    const { outcome, pace } = end;
    const { epoch, providerId, modelRoot, arrival } = test;
    const ended = { epoch, providerId, modelRoot, arrival, isMissed: outcome === 'missed' };
    onTest?.(ended, end);
    const { tokens, tookMs } = pace ?? {};
    if (outcome !== 'unknown') await group.write((db) => putTest(db, { kind, ...ended, tokens, tookMs }));
  }

  return {
    notice({ epoch, value: beacon }) {
      if (epoch <= latest || stopping.signal.aborted) return;
      latest = epoch;
      const meanPpm = ratePpm();
      if (meanPpm === 0) return;
      const input = computeDrawInput(crypto, { kind, epoch, beacon });
      const proof = proveVrf(vrfSeed, input);
      const output = crypto.verifyVrf(computeVrfPublicKey(vrfSeed), input, proof);
      if (output === undefined) throw new Error('a VRF proof of this key is invalid');
      const planned = planTests(dependencies, { epoch, output, meanPpm });
      if (planned.length === 0) return;
      let left = planned.length;
      /** The proof shows who is tested, so it waits for the last test. */
      const endOne = async (): Promise<void> => {
        left--;
        if (left === 0 && !stopping.signal.aborted) await group.write((db) => putDraw(db, { kind, epoch, proof }));
      };
      for (const { atPpm, ...test } of planned) {
        const timer = setTimeout(
          () => {
            timers.delete(timer);
            start(runTest(test).finally(endOne));
          },
          Math.floor((atPpm * epochMs) / 1_000_000),
        );
        timers.add(timer);
      }
    },
    async idle() {
      // A timer that has fired is gone before its test runs.
      while (timers.size + running.size > 0) {
        await (running.size > 0 ? Promise.all(running) : new Promise((resolve) => setTimeout(resolve, epochMs)));
      }
    },
    async stop() {
      stopping.abort();
      for (const timer of timers) clearTimeout(timer);
      await Promise.all(running);
    },
  };
}

/** Plans the tests of an epoch: the providers, and the moments in parts per million of the epoch. */
function planTests(
  { crypto, store, clock }: Pick<DrawnTestDependencies, 'crypto' | 'store' | 'clock'>,
  { epoch, output, meanPpm }: { readonly epoch: bigint; readonly output: Uint8Array; readonly meanPpm: number },
): (DrawnTest & { readonly atPpm: number })[] {
  const offers = store.read(() => listOffers(store, clock.nowMs()));
  return offers.flatMap(({ providerId, ...model }) => {
    const subject = computeSubject({ providerId, modelRoot: model.modelRoot });
    const arrivals = drawArrivals(crypto, output, { subject, meanPpm });
    return arrivals.map((atPpm, arrival) => ({ epoch, providerId, ...model, output, arrival, atPpm }));
  });
}
