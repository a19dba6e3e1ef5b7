import type { GroupCommit } from '@ogong/host/store/group-commit';
import type { Store } from '@ogong/host/store/store';
import type { Clock } from '@ogong/host/time/clock';
import { computeDrawInput, type DrawKind, drawArrivals } from '@ogong/protocol/audit/secret-draw';
import { computeSubject, type Test } from '@ogong/protocol/audit/test-report';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { computeVrfPublicKey, proveVrf } from '@ogong/protocol/crypto/vrf';
import { listOffers } from '../store/announcement-store.ts';
import { putDraw, putTest } from '../store/test-store.ts';

/** `unknown`: it was not the provider that failed, or nobody can say. */
export type TestOutcome = 'answered' | 'missed' | 'unknown';

/** How fast an answer was, by the clocks of whoever tested. */
export interface TestPace {
  /** Output tokens, 1 or more. */
  readonly tokens: number;
  /** To the first part of the answer, 1 or more. */
  readonly firstMs: number;
  /** To its last token, 1 or more. */
  readonly tookMs: number;
}

/** How a test ended. */
export interface TestEnd {
  readonly outcome: TestOutcome;
  /** Of what was answered, where somebody measured it. */
  readonly pace?: TestPace | undefined;
}

/** A test that was drawn, before it is made. */
export interface DrawnTest extends Omit<Test, 'isMissed'> {
  readonly modelId: string;
  /** Of the VRF for the epoch, 64 bytes: from it follows who is tested, and when. */
  readonly output: Uint8Array;
}

export interface DrawnTestDependencies {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly store: Store;
  readonly group: GroupCommit;
  readonly vrfSeed: Uint8Array;
  readonly epochMs: number;
  /** The network's rate now, parts per million of an epoch. 0: nobody is tested. */
  readonly ratePpm: () => number;
  readonly onTest?: ((test: Test, end: TestEnd) => void) | undefined;
  readonly onError: (error: unknown) => void;
}

export interface DrawnTests {
  /** The beacon of an epoch is certified: whoever it draws is tested while the epoch lasts. */
  notice(point: { readonly epoch: bigint; readonly value: Uint8Array }): void;
  /**
   * Until all tests that were drawn have ended.
   * @internal
   */
  idle(): Promise<void>;
  stop(): Promise<void>;
}

/** Tests whom the beacon draws, at moments that it draws, and keeps what came of it. */
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
      if (output === undefined) throw new Error('a proof of this key does not hold');
      const planned = planTests(dependencies, { epoch, output, meanPpm });
      if (planned.length === 0) return;
      start(group.write((db) => putDraw(db, { kind, epoch, proof })));
      for (const { atPpm, ...test } of planned) {
        const timer = setTimeout(
          () => {
            timers.delete(timer);
            start(runTest(test));
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

/** Who is tested in an epoch, and when, in parts per million of it. */
function planTests(
  { crypto, store, clock }: Pick<DrawnTestDependencies, 'crypto' | 'store' | 'clock'>,
  { epoch, output, meanPpm }: { readonly epoch: bigint; readonly output: Uint8Array; readonly meanPpm: number },
): (DrawnTest & { readonly atPpm: number })[] {
  const offers = store.read(() => listOffers(store, clock.nowMs()));
  return offers.flatMap(({ providerId, modelRoot, modelId }) => {
    const subject = computeSubject({ providerId, modelRoot });
    const arrivals = drawArrivals(crypto, output, { subject, meanPpm });
    return arrivals.map((atPpm, arrival) => ({ epoch, providerId, modelRoot, modelId, output, arrival, atPpm }));
  });
}
