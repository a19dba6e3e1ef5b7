import { equalBytes, ProtocolError } from '../base/bytes.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { hashHybridKey, verifyHybrid } from '../crypto/hybrid.ts';
import type { VerifierReport } from '../modality/modality.ts';
import { computeScoreDigest, encodeScoreCommitment, encodeScoreOpening } from '../modality/shared/score-commitment.ts';
import type { ReportVerdict } from '../modality/text/adjudicate.ts';
import { type DriftPolicy, toRates } from './drift-policy.ts';
import type { OpenedReport, SignedCommitment } from './evidence.ts';

/** Why a commitment is not the drawn verifier's; undefined where it is. */
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

/** What a report has to be about. */
export interface ReportSubject<R extends object = object> {
  /** Of the job that the verifier should have been given. */
  readonly inputsHash: Uint8Array;
  /** Reads what was opened as the reply's modality has it. @throws ProtocolError */
  readonly read: (bytes: Uint8Array, job: { readonly jobId: Uint8Array }) => R;
}

export interface OpenedJob {
  readonly jobId: Uint8Array;
  readonly committed: SignedCommitment;
  readonly opened: OpenedReport;
  /** Digests of all who committed in the round, in order. */
  readonly round: readonly Uint8Array[];
}

export interface ReportProblem {
  readonly problem: string;
  /** It opens the commitment, and is none that counts. */
  readonly isUnreadable?: boolean;
  /** It has the shape that the job asks for, and counts not by what it says of its verifier. */
  readonly isWellFormed?: boolean;
}

/** A report that opens the commitment and answers the job, or why it does not. */
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
  /** Whether it was weighed by equality, or refutes by what is the same in every class. */
  readonly exact: boolean;
  /** Whether the verifier says that its pass reproduces the provider's class. */
  readonly claimsExact: boolean;
  /** Equal for two verifiers that computed the same. */
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

/** One well-formed report against the reply, by the operator's table where it has a row; once, however often it is asked for. */
export function weighReport(report: VerifierReport, policy: DriftPolicy | undefined): WeighedReport {
  const known = weights.get(report);
  if (known !== undefined && known.policy === policy) return known.weighed;
  const drift = policy && { table: policy.table, rates: toRates(policy.note) };
  const verdict = report.weigh(drift ? { drift } : {});
  const isEquality = verdict.checks.some(({ id, status }) => id === 'equality' && status !== 'skip');
  const exact = isEquality || verdict.fault?.isFact === true;
  const { claimsExact, finding, answer, tokens } = report;
  const weighed = { ...verdict, exact, claimsExact, finding, tokens, ...(answer && { answer }) };
  weights.set(report, { policy, weighed });
  return weighed;
}
