import { equalBytes, ProtocolError } from '../base/bytes.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { hashHybridKey, verifyHybrid } from '../crypto/hybrid.ts';
import type { VerifierReport } from '../modality/modality.ts';
import { computeScoreDigest, encodeScoreCommitment, encodeScoreOpening } from '../modality/shared/score-commitment.ts';
import type { ReportVerdict } from '../modality/text/adjudicate.ts';
import { type DriftPolicy, toRates } from './drift-policy.ts';
import type { OpenedReport, SignedCommitment } from './evidence.ts';

/** Finds the reason that a commitment is not the drawn verifier's; undefined if it is. */
export function findCommitmentProblem(
  crypto: Crypto,
  { jobId, keyHash, committed }: { jobId: Uint8Array; keyHash: Uint8Array; committed: SignedCommitment },
): string | undefined {
  const { verifierKey: publicKey, digest, signature } = committed;
  if (!equalBytes(hashHybridKey(crypto, publicKey), keyHash)) {
    return 'signed by another key than the verifier announced';
  }
  const message = encodeScoreCommitment({ jobId, digest });
  return verifyHybrid(crypto, { publicKey, message, signature }) ? undefined : 'the signature of a commitment fails';
}

/** The subject that a report must have. */
export interface ReportSubject<R extends object = object> {
  /** Inputs of the job that the verifier should have received. */
  readonly inputsHash: Uint8Array;
  /** Reads the opened bytes in the encoding of the reply's modality. @throws ProtocolError */
  readonly read: (bytes: Uint8Array, job: { readonly jobId: Uint8Array }) => R;
}

export interface OpenedJob {
  readonly jobId: Uint8Array;
  readonly committed: SignedCommitment;
  readonly opened: OpenedReport;
  /** Digests of all commitments in the round, in order. */
  readonly round: readonly Uint8Array[];
}

export interface ReportProblem {
  readonly problem: string;
  /** Set if it opens the commitment and does not count. */
  readonly isUnreadable?: boolean;
  /** Set if it has the shape of the job, and does not count because of its claims about the verifier. */
  readonly isWellFormed?: boolean;
}

/** Reads a report that opens the commitment and answers the job, or the reason that it does not. */
export function readReport<R extends object>(
  crypto: Crypto,
  { jobId, committed, opened, round }: OpenedJob,
  subject: ReportSubject<R>,
): Exclude<R, { readonly problem: string }> | ReportProblem {
  const { verifierKey: publicKey, digest } = committed;
  const { salt, signature } = opened;
  const reportHash = crypto.sha256(opened.report);
  const keyHash = hashHybridKey(crypto, publicKey);
  const { inputsHash } = subject;
  const opens = computeScoreDigest(crypto, { jobId, keyHash, inputsHash, salt, reportHash });
  if (!equalBytes(opens, digest)) return { problem: 'another report than was committed to, or on another job' };
  const message = encodeScoreOpening({ jobId, salt, reportHash, round });
  if (!verifyHybrid(crypto, { publicKey, message, signature })) return { problem: 'the signature of an opening fails' };
  try {
    const read = subject.read(opened.report, { jobId });
    return 'problem' in read
      ? { problem: String(read.problem), isUnreadable: true, isWellFormed: 'isWellFormed' in read }
      : (read as Exclude<R, { readonly problem: string }>);
  } catch (error) {
    if (error instanceof ProtocolError) return { problem: error.message, isUnreadable: true };
    throw error;
  }
}

export interface WeighedReport extends ReportVerdict {
  /** Whether equality decided, or a refutation that is the same in every class. */
  readonly exact: boolean;
  /** Whether the verifier claims that its pass reproduces the provider's class. */
  readonly claimsExact: boolean;
  /** Equal for two verifiers with the same result. */
  readonly finding: Uint8Array;
  /** See VerifierReport. */
  readonly answer?: Uint8Array;
  /** See VerifierReport. */
  readonly tokens: number;
}

const weights = new WeakMap<
  VerifierReport,
  { readonly policy: DriftPolicy | undefined; readonly weighed: WeighedReport }
>();

/** Weighs one well-formed report against the reply, by the operator's table if it has a row. The result is cached. */
export function weighReport(report: VerifierReport, policy: DriftPolicy | undefined): WeighedReport {
  const known = weights.get(report);
  if (known !== undefined && known.policy === policy) return known.weighed;
  const drift = policy && { table: policy.table, rates: toRates(policy.note) };
  const verdict = report.weigh(drift ? { drift } : {});
  const isEquality = verdict.checks.some(({ id, status }) => id === 'equality' && status !== 'skip');
  const exact = isEquality || verdict.fault !== undefined;
  const { claimsExact, finding, answer, tokens } = report;
  const weighed = { ...verdict, exact, claimsExact, finding, tokens, ...(answer && { answer }) };
  weights.set(report, { policy, weighed });
  return weighed;
}
