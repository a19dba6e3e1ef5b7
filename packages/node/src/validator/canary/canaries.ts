import type { GroupCommit } from '@ogong/host/store/group-commit';
import type { Store } from '@ogong/host/store/store';
import type { Clock } from '@ogong/host/time/clock';
import { computeDrawInput, type DrawKind, drawArrivals } from '@ogong/protocol/audit/secret-draw';
import { computeSubject, encodeTestReport, MEAN_TESTS_PPM, type Test } from '@ogong/protocol/audit/test-report';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { computeVrfPublicKey, proveVrf } from '@ogong/protocol/crypto/vrf';
import { listOffers } from '../store/announcement-store.ts';
import { listShapes } from '../store/reply-store.ts';
import { listTests, putDraw, putTest } from '../store/test-store.ts';
import type { CanaryOutcome } from './buy-canary.ts';
import {
  CANARY_ENDPOINTS,
  type CanaryEndpoint,
  type CanaryRequest,
  composeAlone,
  composeCanary,
} from './compose-canary.ts';

export interface CanaryDependencies {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly store: Store;
  readonly group: GroupCommit;
  readonly vrfSeed: Uint8Array;
  readonly epochMs: number;
  /** From joinTexts. */
  readonly texts: string;
  /** 0..1. */
  readonly random: () => number;
  readonly buy: (request: CanaryRequest, to: { providerId: Uint8Array; signal: AbortSignal }) => Promise<CanaryOutcome>;
  readonly onTest?: (test: Test, outcome: CanaryOutcome) => void;
  readonly onError: (error: unknown) => void;
}

export interface Canaries {
  /** The beacon of an epoch is certified: whoever it draws is tested while the epoch lasts. */
  notice(point: { readonly epoch: bigint; readonly value: Uint8Array }): void;
  stop(): Promise<void>;
}

const KIND: DrawKind = 'canary';

/** Buys answers of providers that the beacon draws, at moments that it draws, and keeps who gave none. */
export function createCanaries(dependencies: CanaryDependencies): Canaries {
  const { crypto, group, vrfSeed, epochMs, onError } = dependencies;
  const stopping = new AbortController();
  const timers = new Set<NodeJS.Timeout>();
  const running = new Set<Promise<void>>();
  let latest = 0n;

  const start = (work: Promise<void>): void => {
    const ended = work.catch(onError).finally(() => running.delete(ended));
    running.add(ended);
  };

  return {
    notice({ epoch, value: beacon }) {
      if (epoch <= latest || stopping.signal.aborted) return;
      latest = epoch;
      const input = computeDrawInput(crypto, { kind: KIND, epoch, beacon });
      const proof = proveVrf(vrfSeed, input);
      const output = crypto.verifyVrf(computeVrfPublicKey(vrfSeed), input, proof);
      if (output === undefined) throw new Error('a proof of this key does not hold');
      const planned = planTests(dependencies, { epoch, output });
      if (planned.length === 0) return;
      start(group.write((db) => putDraw(db, { kind: KIND, epoch, proof })));
      for (const { atPpm, ...test } of planned) {
        const timer = setTimeout(
          () => {
            timers.delete(timer);
            start(runTest(dependencies, test, stopping.signal));
          },
          Math.floor((atPpm * epochMs) / 1_000_000),
        );
        timers.add(timer);
      }
    },
    async stop() {
      stopping.abort();
      for (const timer of timers) clearTimeout(timer);
      await Promise.all(running);
    },
  };
}

interface PlannedTest extends Omit<Test, 'isMissed'> {
  readonly modelId: string;
  /** Of the epoch. */
  readonly atPpm: number;
}

/** Who is tested in an epoch, and when. */
export function planTests(
  { crypto, store, clock }: Pick<CanaryDependencies, 'crypto' | 'store' | 'clock'>,
  { epoch, output }: { readonly epoch: bigint; readonly output: Uint8Array },
): PlannedTest[] {
  const offers = store.read(() => listOffers(store, clock.nowMs()));
  return offers.flatMap(({ providerId, modelRoot, modelId }) =>
    drawArrivals(crypto, output, {
      subject: computeSubject({ providerId, modelRoot }),
      meanPpm: MEAN_TESTS_PPM[KIND],
    }).map((atPpm, arrival) => ({ epoch, providerId, modelRoot, modelId, arrival, atPpm })),
  );
}

async function runTest(
  dependencies: CanaryDependencies,
  { modelId, ...test }: Omit<PlannedTest, 'atPpm'>,
  signal: AbortSignal,
): Promise<void> {
  const { group, buy, onTest } = dependencies;
  const outcome = await buy(compose(dependencies, modelId), { providerId: test.providerId, signal });
  if (signal.aborted) return;
  const isMissed = outcome === 'missed';
  onTest?.({ ...test, isMissed }, outcome);
  if (outcome !== 'unknown') await group.write((db) => putTest(db, { kind: KIND, ...test, isMissed }));
}

/** In the shape of what this validator has just handled for that model. */
function compose({ store, texts, random }: CanaryDependencies, model: string): CanaryRequest {
  const shapes = store.read(() => listShapes(store));
  for (let left = shapes.length; left > 0; left--) {
    const [shape] = shapes.splice(Math.floor(random() * left), 1);
    const endpoint = CANARY_ENDPOINTS.find((name) => name === shape?.endpoint) as CanaryEndpoint | undefined;
    if (shape === undefined || endpoint === undefined) continue;
    const made = composeCanary({ endpoint, body: shape.request }, { model, texts, random });
    if (made !== undefined) return made;
  }
  return composeAlone({ model, texts, random });
}

/** One report of each kind in an epoch, however many ask. */
export function createTestReporter(
  store: Store,
  reporter: { readonly chainId: bigint; readonly validator: Uint8Array },
): (kind: DrawKind, latest: bigint) => Uint8Array {
  const made = new Map<DrawKind, { readonly latest: bigint; readonly report: Uint8Array }>();
  return (kind, latest) => {
    const known = made.get(kind);
    if (known?.latest === latest) return known.report;
    const report = reportTests(store, kind, { ...reporter, latest });
    made.set(kind, { latest, report });
    return report;
  };
}

/**
 * What this validator saw in the newest epochs that are over. The running one is left out: its proof would show whom it is about to
 * test, and the one before may have tests that still run.
 */
export function reportTests(
  store: Store,
  kind: DrawKind,
  { chainId, validator, latest }: { readonly chainId: bigint; readonly validator: Uint8Array; readonly latest: bigint },
): Uint8Array {
  const { draws, tests } = store.read(() => listTests(store, kind, latest - 2n));
  return encodeTestReport({ chainId, validator, kind, draws, tests });
}
