import type { Engine } from '@ogong/engine/open-engine';
import { createJobQueue, type JobQueue } from '@ogong/host/lifecycle/job-queue';
import { Refusal } from '@ogong/host/link/link-error';
import type { LinkIdentity, PeerId } from '@ogong/host/link/link-identity';
import type { Logger } from '@ogong/host/log/logger';
import type { Metrics } from '@ogong/host/metrics/metrics';
import type { Clock } from '@ogong/host/time/clock';
import type { ChainView } from '@ogong/host/views/chain-view';
import { toHex } from '@ogong/protocol/base/bytes';
import type { Crypto, HybridSigner } from '@ogong/protocol/crypto/crypto';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { describeHeld, type HeldSegment } from '../modality/text/segment-job.ts';
import { createEndorsements, type FindEndorsement } from './endorsements.ts';
import type { KeptReport, Reports } from './report-store.ts';

export interface VerifierDependencies {
  /** One for each model that is verified. Models may come and go while the verifier runs. */
  readonly engines: readonly Engine[];
  /** Layers of models that no engine here has whole. Default: none. */
  readonly segments?: readonly HeldSegment[];
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly signer: HybridSigner;
  readonly reports: Reports;
  /** Unpredictable bytes. */
  readonly randomBytes: (length: number) => Uint8Array;
  readonly identity: LinkIdentity;
  readonly chain: Pick<ChainView, 'findByCertHash' | 'findByAddress' | 'ledger'>;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly metrics: Metrics;
}

export interface VerifierStateOptions {
  readonly maxWaiting: number;
  readonly slots: number;
  readonly maxJobMs: number;
  readonly reportTtlMs: number;
  readonly calibrateWith: readonly PeerId[];
  readonly providers: readonly Uint8Array[];
}

/** The state that the steps of scoring work on. Only `isClosing`, `guestJobs`, `running` and the queue change. */
export interface VerifierState extends Omit<VerifierDependencies, 'metrics'> {
  /** Hash of the signer's key. */
  readonly keyHash: Uint8Array;
  readonly queue: JobQueue;
  readonly maxJobMs: number;
  readonly reportTtlMs: number;
  /** Peers that may calibrate, in hex. */
  readonly guests: ReadonlySet<string>;
  /** Finds the endorsement of a provider that this verifier works for. */
  readonly findEndorsement: FindEndorsement;
  readonly metrics: VerifierMetrics;
  /** Aborted when running jobs must end. */
  readonly stopping: AbortController;
  guestJobs: number;
  /** Jobs of validators that run or wait, by owner, id and inputs. */
  readonly running: Map<string, Promise<KeptReport>>;
  /** True from the call of `stop` on: calls end, and their jobs may still be finished. */
  isClosing: boolean;
}

export function openVerifierState(options: VerifierStateOptions, dependencies: VerifierDependencies): VerifierState {
  const { slots, maxWaiting, maxJobMs, reportTtlMs, calibrateWith, providers } = options;
  const { crypto, signer } = dependencies;
  const metrics = createVerifierMetrics(dependencies.metrics);
  return {
    ...dependencies,
    metrics,
    maxJobMs,
    reportTtlMs,
    keyHash: hashHybridKey(crypto, signer.publicKey),
    queue: createJobQueue({ slots, maxWaiting, onWaiting: (count) => metrics.waiting.set(count) }),
    guests: new Set(calibrateWith.map(toHex)),
    findEndorsement: createEndorsements(providers, { ...dependencies, listEngines: () => listEndorsed(dependencies) }),
    stopping: new AbortController(),
    guestJobs: 0,
    running: new Map(),
    isClosing: false,
  };
}

const listEndorsed = ({ engines, segments = [] }: Pick<VerifierDependencies, 'engines' | 'segments'>) => [
  ...engines,
  ...segments.map((segment) => ({ info: () => describeHeld(segment) })),
];

export function isValidator({ chain }: { readonly chain: Pick<ChainView, 'findByCertHash'> }, peer: PeerId): boolean {
  return chain.findByCertHash(peer) !== undefined;
}

export const ADDRESS_BYTES = 20;

/**
 * Returns the owner of a job that a peer asks for: the peer, or the validator for which it asks as a witness. Validators are named by
 * their address, whatever certificate they have now; others by their peer id.
 * @param named 20 bytes; empty: nobody. @throws Refusal
 */
export function findOwner(
  { chain }: { readonly chain: Pick<ChainView, 'findByCertHash'> },
  caller: PeerId,
  named: Uint8Array = new Uint8Array(0),
): Uint8Array {
  const registered = chain.findByCertHash(caller);
  if (named.length === 0) return registered?.address ?? caller;
  if (named.length !== ADDRESS_BYTES) throw new Refusal('invalid', 'a validator is named by 20 bytes');
  if (registered === undefined) throw new Refusal('precondition', 'only validators ask in the name of another one');
  return named;
}

export type VerifierMetrics = ReturnType<typeof createVerifierMetrics>;

function createVerifierMetrics(metrics: Metrics) {
  return {
    steps: metrics.steps,
    waiting: metrics.gauge('verifier_waiting_jobs', 'Jobs that wait for their turn'),
    jobs: metrics.counter('verifier_jobs_total', 'Jobs by how they ended: scored, traced, refused or failed', [
      'outcome',
    ]),
    tokens: metrics.counter('verifier_tokens_total', 'Claimed tokens or inputs scored'),
    opened: metrics.counter('verifier_reports_opened_total', 'Reports handed over after their commitment'),
  };
}
