import type { Peer } from '@ogong/host/link/link-pool';
import type { VerifierCallOptions } from '@ogong/host/link/verifier-call';
import type { GroupCommit } from '@ogong/host/store/group-commit';
import type { Store } from '@ogong/host/store/store';
import type { Opening } from '@ogong/protocol/commitment/opening';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { TraceClaimRequest, TraceReplyRequest } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { ScoreJobMessage } from '@ogong/protocol/modality/shared/score-commitment';
import type { Header } from '@ogong/protocol/modality/text/commitment/header';
import type { ScoreReport } from '@ogong/protocol/modality/text/stage2/score-report';
import type { SignedTrace } from '@ogong/protocol/modality/text/stage2/trace-report';
import type { Submission } from '@ogong/protocol/verdict/claim';
import type { DivergenceRow } from '../store/divergence-store.ts';

type Bare<T> = Omit<T, '$typeName' | '$unknown'>;

export interface TraceCalls {
  readonly provider: (
    provider: Peer,
    query: Bare<TraceReplyRequest>,
    options: VerifierCallOptions,
  ) => Promise<SignedTrace>;
  readonly verifier: (
    verifier: Peer,
    query: Bare<Omit<TraceClaimRequest, 'job'>> & { readonly job: ScoreJobMessage },
    options: VerifierCallOptions,
  ) => Promise<SignedTrace>;
}

export interface DisputeDependencies {
  readonly crypto: Crypto;
  readonly store: Store;
  readonly group: GroupCommit;
  readonly calls: TraceCalls;
  readonly fixedVerifier: Peer | undefined;
  /** Longest wait for one trace. */
  readonly callTimeoutMs: number;
  readonly onLocated?: (replyId: Uint8Array, row: DivergenceRow) => void;
  readonly onError?: (error: unknown, replyId: Uint8Array) => void;
}

export interface VerifierFinding {
  readonly verifierId: Uint8Array;
  readonly keyHash: Uint8Array;
  readonly report: ScoreReport;
}

export interface Dispute {
  readonly record: Uint8Array;
  readonly providerId: Uint8Array;
  readonly submission: Submission;
  readonly header: Header;
  readonly opening: Opening;
  readonly outputTokens: Uint32Array;
  readonly listSizes: Uint8Array;
  readonly shapeClasses: Uint8Array;
  /**
   * Reports in the provider's exact class that differ from the commitment. At least one, by different keys, and
   * identical if there are several.
   */
  readonly reports: readonly VerifierFinding[];
}

/** State of the disputes. A restart forgets waiting disputes. */
export interface DisputeState extends Required<DisputeDependencies> {
  readonly stopping: AbortController;
  /** Number of replies that wait for their dispute. */
  waiting: number;
  /** Running disputes, one after the other. Resolves when the last has ended. */
  work: Promise<void>;
}

export function openDisputeState(dependencies: DisputeDependencies): DisputeState {
  const stopping = new AbortController();
  return { onLocated: () => {}, onError: () => {}, ...dependencies, stopping, waiting: 0, work: Promise.resolve() };
}
