import { adjudicateReport, checkReportShape, type ReportVerdict } from '../audit/adjudicate.ts';
import { equalBytes, ProtocolError } from '../base/bytes.ts';
import type { Header } from '../commitment/header.ts';
import type { Opening } from '../commitment/opening.ts';
import type { RecordV2 } from '../commitment/record.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { hashHybridKey, verifyHybrid } from '../crypto/hybrid.ts';
import type { Replay } from '../stage1/replay.ts';
import { computeScoreDigest, encodeScoreCommitment, encodeScoreOpening } from '../stage2/score-commitment.ts';
import { encodeScoreReport, parseScoreReport, type ScoreReport } from '../stage2/score-report.ts';
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
export interface ReportSubject {
  /** Of the job that the verifier should have been given. */
  readonly inputsHash: Uint8Array;
  readonly modelRoot: Uint8Array;
  readonly header: Header;
  readonly replay: Replay;
}

export interface OpenedJob {
  readonly jobId: Uint8Array;
  readonly committed: SignedCommitment;
  readonly opened: OpenedReport;
  /** Digests of all who committed in the round, in order. */
  readonly round: readonly Uint8Array[];
}

/** A report that opens the commitment and answers the job, or why it does not. */
export function readReport(
  crypto: Crypto,
  { jobId, committed, opened, round }: OpenedJob,
  subject: ReportSubject,
): { readonly report: ScoreReport } | { readonly problem: string } {
  const { verifierKey: publicKey, digest } = committed;
  const { salt, signature } = opened;
  const reportHash = crypto.sha256(opened.report);
  const keyHash = hashHybridKey(crypto, publicKey);
  const { inputsHash } = subject;
  const opens = computeScoreDigest(crypto, { jobId, keyHash, inputsHash, salt, reportHash });
  if (!equalBytes(opens, digest)) return { problem: 'another report than was committed to, or on another job' };
  const message = encodeScoreOpening({ jobId, salt, reportHash, round });
  if (!verifyHybrid(crypto, { publicKey, message, signature })) return { problem: 'the signature of an opening fails' };
  let report: ScoreReport;
  try {
    report = parseScoreReport(opened.report);
  } catch (error) {
    if (error instanceof ProtocolError) return { problem: error.message };
    throw error;
  }
  const shape = checkReportShape(report, { jobId, ...subject });
  return shape.status === 'pass' ? { report } : { problem: shape.detail };
}

export interface Weighed extends ReportVerdict {
  /** Whether it was weighed by equality. */
  readonly exact: boolean;
  /** Whether the verifier says that its pass reproduces the provider's class. */
  readonly claimsExact: boolean;
  readonly report: ScoreReport;
}

/** One well-formed report against the reply, by the operator's table where it has a row. */
export function weighReport(
  crypto: Crypto,
  claim: { readonly record: RecordV2; readonly header: Header; readonly opening: Opening },
  report: ScoreReport,
  policy: DriftPolicy | undefined,
): Weighed {
  const drift = policy && { table: policy.table, rates: toRates(policy.note) };
  const verdict = adjudicateReport(crypto, claim, report, drift ? { drift } : {});
  const exact = verdict.checks.some(({ id, status }) => id === 'equality' && status !== 'skip');
  const claimsExact = report.exact && report.numericClass === claim.header.numericClass;
  return { ...verdict, exact, claimsExact, report };
}

/** Whether two verifiers saw the same, to the bit. */
export function isSameFinding(a: ScoreReport, b: ScoreReport): boolean {
  const bare = (report: ScoreReport): Uint8Array =>
    encodeScoreReport({ ...report, jobId: new Uint8Array(16), elapsedMs: 0, contextSize: 0 });
  return equalBytes(bare(a), bare(b));
}
