import { equalBytes } from '../../base/bytes.ts';
import type { Opening } from '../../commitment/opening.ts';
import type { RecordV2 } from '../../commitment/record.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { type AdjudicationPolicy, adjudicateReport, checkReportShape, type ReportVerdict } from './adjudicate.ts';
import type { Header } from './commitment/header.ts';
import type { Replay } from './stage1/replay.ts';
import { encodeScoreReport, parseScoreReport, type ScoreReport } from './stage2/score-report.ts';
import { countScored } from './stage2/scored-prefix.ts';

/** What a score report has to be about. */
export interface ScoreSubject {
  readonly jobId: Uint8Array;
  readonly modelRoot: Uint8Array;
  readonly header: Header;
  readonly replay: Replay;
}

/**
 * A report that answers the job, or why it does not.
 * @param contextSize that the verifier has at least. With less room than that it would leave out what it can score.
 * @throws ProtocolError
 */
export function readScoreReport(
  bytes: Uint8Array,
  { contextSize, ...subject }: ScoreSubject & { readonly contextSize: number },
): { readonly report: ScoreReport } | { readonly problem: string } {
  const report = parseScoreReport(bytes);
  const shape = checkReportShape(report, subject);
  if (shape.status !== 'pass') return { problem: shape.detail };
  const problem = findRoomProblem(report, { positions: subject.replay.rows.length, contextSize });
  return problem === undefined ? { report } : { problem };
}

/** Why a report is shorter than it may be; undefined where it is not. */
function findRoomProblem(
  report: ScoreReport,
  { positions, contextSize }: { readonly positions: number; readonly contextSize: number },
): string | undefined {
  const isWhole = countScored(report, positions) === positions;
  if (isWhole || report.contextSize >= contextSize) return undefined;
  return `scored with a context of ${report.contextSize} tokens; the verifier announced ${contextSize}`;
}

/** One well-formed report against the reply. */
export function weighScoreReport(
  crypto: Crypto,
  claim: { readonly record: RecordV2; readonly header: Header; readonly opening: Opening },
  report: ScoreReport,
  { drift }: Pick<AdjudicationPolicy, 'drift'>,
): ReportVerdict {
  return adjudicateReport(crypto, claim, report, drift ? { drift } : {});
}

/** What two verifiers that saw the same report alike. */
export function encodeFinding(report: ScoreReport): Uint8Array {
  return encodeScoreReport({ ...report, jobId: new Uint8Array(16), elapsedMs: 0, contextSize: 0 });
}

/** Whether two verifiers saw the same, to the bit. */
export function isSameFinding(a: ScoreReport, b: ScoreReport): boolean {
  return equalBytes(encodeFinding(a), encodeFinding(b));
}
