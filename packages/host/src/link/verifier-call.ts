import { LinkError } from '@ogong/host/link/link-error';
import type { Peer } from '@ogong/host/link/link-pool';
import { ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import type { JobRound } from '@ogong/protocol/exchange/round-signature';
import type { ScoreReport as ScoreAnswer, ScoreCommitment } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { SizedJob } from '@ogong/protocol/modality/modality';
import { findModality } from '@ogong/protocol/modality/registry';
import type { ScoreInputs, ScoreJobMessage } from '@ogong/protocol/modality/shared/score-commitment';
import type { OpenedReport, SignedCommitment } from '@ogong/protocol/verdict/evidence';
import { findCommitmentProblem, type ReportSubject, readReport } from '@ogong/protocol/verdict/report-check';

/** The two calls to a verifier, and how their answers are classified. */
export interface VerifierCallOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

interface CallTimes {
  /** Usual timeout of a call. */
  readonly callTimeoutMs: number;
  /** No call outlasts its audit. */
  readonly mostMs: number;
}

/**
 * Computes how long a verifier may take over one call. A long job has as much time as its modality expects (`expectJobMs`), any other the
 * usual timeout.
 */
export const computeCallTimeout = (expectedMs: number, { callTimeoutMs, mostMs }: CallTimes): number =>
  Math.max(callTimeoutMs, Math.min(expectedMs, mostMs));

/** Returns 0 for a job that no modality can read: its verifier refuses it at once. */
export function expectJobMs({ endpoint, ...job }: SizedJob & Pick<ScoreInputs, 'endpoint'>): number {
  try {
    return findModality(endpoint).expectJobMs(job);
  } catch (error) {
    if (error instanceof ProtocolError) return 0;
    throw error;
  }
}

/** Computes how long a witness asks for a commitment: one answer may take as long as the validator's own calls may. */
export const computeJobWindow = (job: SizedJob & Pick<ScoreInputs, 'endpoint'>, times: CallTimes): number =>
  2 * computeCallTimeout(expectJobMs(job), times);

type Bare<T> = Omit<T, '$typeName' | '$unknown'>;

export interface VerifierCalls {
  readonly commit: (
    verifier: Peer,
    job: ScoreJobMessage,
    options: VerifierCallOptions,
  ) => Promise<Bare<ScoreCommitment>>;
  readonly reveal: (
    verifier: Peer,
    job: JobRound,
    options: VerifierCallOptions,
  ) => Promise<Pick<ScoreAnswer, 'salt' | 'report' | 'signature'>>;
}

/**
 * Holds jobs back for a moment, then sends them in the order of their ids, which are random. Otherwise the order would reveal
 * which kind a job is of.
 */
export function mixJobs(calls: VerifierCalls, mixMs: number): VerifierCalls {
  let waiting: { readonly id: string; readonly go: () => void }[] = [];
  const flush = (): void => {
    const batch = waiting.sort((a, b) => (a.id < b.id ? -1 : 1));
    waiting = [];
    for (const { go } of batch) go();
  };
  return {
    ...calls,
    async commit(verifier, job, call) {
      await new Promise<void>((resolve) => {
        if (waiting.length === 0) setTimeout(flush, mixMs);
        waiting.push({ id: toHex(job.jobId), go: resolve });
      });
      call.signal.throwIfAborted();
      return calls.commit(verifier, job, call);
    },
  };
}

export interface JobTerms {
  readonly jobId: Uint8Array;
  readonly request: Uint8Array;
  /** The same for every job with this number of passes, so that the wait does not reveal the kind of job. */
  readonly timeoutMs: number;
}

/** @param blobs that the claim names, in its order. */
export function createScoreJob(
  terms: JobTerms,
  inputs: Omit<ScoreInputs, 'requestHash'>,
  blobs: readonly Uint8Array[] = [],
  media: readonly Uint8Array[] = [],
): ScoreJobMessage {
  return {
    ...terms,
    ...inputs,
    ...(blobs.length > 0 && { blobs: [...blobs] }),
    ...(media.length > 0 && { media: [...media] }),
  };
}

/** `silent`: no answer, perhaps without anybody's fault; `garbage`: an answer to another question. */
export type Answer<T> =
  | { readonly outcome: 'answered'; readonly value: T }
  | { readonly outcome: 'garbage' | 'silent'; readonly error: unknown; readonly unreadable?: T };

export interface AskedVerifier {
  readonly peer: Peer | undefined;
  /** Of the key that was drawn; undefined where only the endpoint is known. */
  readonly keyHash: Uint8Array | undefined;
}

export async function askToCommit(
  crypto: Crypto,
  { commit }: VerifierCalls,
  { peer, keyHash }: AskedVerifier,
  job: ScoreJobMessage,
  call: VerifierCallOptions,
): Promise<Answer<SignedCommitment>> {
  try {
    if (peer === undefined) throw new Error('the verifier no longer announces itself');
    const { digest, verifierKey, signature } = await commit(peer, job, call);
    const committed = { digest, verifierKey, signature };
    if (digest.length !== 32) return { outcome: 'garbage', error: new Error(`a digest of ${digest.length} bytes`) };
    const expected = keyHash ?? hashHybridKey(crypto, verifierKey);
    const problem = findCommitmentProblem(crypto, { jobId: job.jobId, keyHash: expected, committed });
    if (problem !== undefined) return { outcome: 'garbage', error: new Error(problem) };
    return { outcome: 'answered', value: committed };
  } catch (error) {
    return { outcome: 'silent', error };
  }
}

/** How often a verifier may refuse to open: its first refusal may be due to a broken connection. */
const REVEAL_TRIES = 3;
/** Most requests to a silent verifier. */
const MOST_TRIES = 64;

export interface RevealOf {
  readonly jobId: Uint8Array;
  readonly committed: SignedCommitment;
  readonly round: readonly Uint8Array[];
  readonly subject: ReportSubject;
  readonly pause: () => Promise<unknown>;
  /** Whether the time for a silent verifier is over. */
  readonly isOver: () => boolean;
}

/**
 * A verifier that committed has a report. If it refuses, or opens something else, it withholds the report: garbage. If it does
 * not answer, it may be down: silence.
 */
export async function askToReveal(
  crypto: Crypto,
  { reveal }: VerifierCalls,
  { peer }: Pick<AskedVerifier, 'peer'>,
  { jobId, committed, round, subject, pause, isOver }: RevealOf,
  call: VerifierCallOptions,
): Promise<Answer<OpenedReport>> {
  if (peer === undefined) return { outcome: 'silent', error: new Error('the verifier no longer announces itself') };
  let refusals = 0;
  for (let tries = 1; ; tries++) {
    try {
      const { salt, report, signature } = await reveal(peer, { jobId, round }, call);
      const opened = { salt, report, signature };
      if (salt.length !== 32) return { outcome: 'garbage', error: new Error(`a salt of ${salt.length} bytes`) };
      const read = readReport(crypto, { jobId, committed, opened, round }, subject);
      if ('problem' in read) {
        const error = new Error(`a report is none: ${read.problem}`);
        return { outcome: 'garbage', error, ...(read.isUnreadable && { unreadable: opened }) };
      }
      return { outcome: 'answered', value: opened };
    } catch (error) {
      if (isRefusal(error)) refusals++;
      if (refusals >= REVEAL_TRIES) return { outcome: 'garbage', error };
      const hasHadIts = tries >= REVEAL_TRIES && isOver();
      if (hasHadIts || tries >= MOST_TRIES || call.signal.aborted) return { outcome: 'silent', error };
      await pause();
    }
  }
}

/** Whether a failed call may only mean that the peer was slow or unreachable. */
export function isLate(error: unknown): boolean {
  return error instanceof LinkError && (error.retryable || ['canceled', 'wrong-certificate'].includes(error.code));
}

/**
 * Whether a verifier answered that it does not do a job. It is asked no further, and nothing else follows: the job comes from others,
 * who choose what it is.
 */
export const isRefusedJob = (error: unknown): boolean => error instanceof LinkError && error.isAnswer;

/** Whether the peer refused. A peer that has just started does not know the registered validators yet. */
const isRefusal = (error: unknown): boolean =>
  !isLate(error) && !(error instanceof LinkError && error.code === 'unauthorized');

/** Whether this validator's own delay cut the wait short: it could not act for half of it. */
export function isOwnDelay(error: unknown, wait: { readonly timeoutMs: number; readonly tookMs: number }): boolean {
  return error instanceof LinkError && error.code === 'timeout' && wait.tookMs < wait.timeoutMs / 2;
}
