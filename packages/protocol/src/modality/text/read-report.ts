import { equalBytes } from '../../base/bytes.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { type AdjudicationPolicy, adjudicateReport, checkReportShape, type ReportVerdict } from './adjudicate.ts';
import type { Header } from './commitment/header.ts';
import type { Replay } from './stage1/replay.ts';
import { encodeScoreReport, parseScoreReport, type ScoreReport } from './stage2/score-report.ts';
import { countScored } from './stage2/scored-prefix.ts';

/** The required subject of a score report. */
export interface ScoreSubject {
  readonly jobId: Uint8Array;
  readonly modelRoot: Uint8Array;
  readonly header: Header;
  readonly replay: Replay;
  /** Edges that the report has to show, as in a TextClaim. Default: none. */
  readonly layers?: readonly number[];
}

/**
 * Reads a report that answers the job, or the reason that it does not.
 * @param contextSize least context of the verifier. With less room it would leave out positions that it can score.
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

/** Finds the reason that a report is too short; undefined if it is not. */
function findRoomProblem(
  report: ScoreReport,
  { positions, contextSize }: { readonly positions: number; readonly contextSize: number },
): string | undefined {
  const isWhole = countScored(report, positions) === positions;
  if (isWhole || report.contextSize >= contextSize) return undefined;
  return `scored with a context of ${report.contextSize} tokens; the verifier announced ${contextSize}`;
}

/** Weighs one well-formed report against the reply. */
export function weighScoreReport(
  crypto: Crypto,
  claim: Parameters<typeof adjudicateReport>[1],
  report: ScoreReport,
  { drift }: Pick<AdjudicationPolicy, 'drift'>,
): ReportVerdict {
  const verdict = adjudicateReport(crypto, claim, report, drift ? { drift } : {});
  return report.windows.length === claim.opening.windows.length ? verdict : { ...verdict, isPartial: true };
}

/** Encodes the finding of a report. Two verifiers with the same result have the same bytes. */
export function encodeFinding(report: ScoreReport): Uint8Array {
  return encodeScoreReport({ ...report, jobId: new Uint8Array(16), elapsedMs: 0, contextSize: 0 });
}

/** Returns whether two verifiers have the same result, to the bit. */
export function isSameFinding(a: ScoreReport, b: ScoreReport): boolean {
  return equalBytes(encodeFinding(a), encodeFinding(b));
}
