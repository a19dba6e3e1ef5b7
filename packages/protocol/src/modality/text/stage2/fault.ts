import { createWriter, equalBytes } from '../../../base/bytes.ts';
import { encodeDomain } from '../../../base/canonical.ts';
import type { WindowBytes } from '../../../commitment/opening.ts';
import { MAX_PICTURE_DISTANCE } from './picture-rows.ts';
import { encodeScoreReport, NO_OTHER_CHOICE, NO_TAIL_GAP, type ScoreReport } from './score-report.ts';

/** The basis of a reject. Two honest verifiers with the same fault have the same bytes. */
export interface Fault {
  /** Whether honest verifiers of every class agree on it, such as prompt or vocabulary in a header. */
  readonly isFact: boolean;
  readonly seen: Uint8Array;
}

const FACT_DOMAIN = encodeDomain('ogong-facts-v1');
/** Fields in which honest verifiers differ, or that prove no difference of values. */
const UNCOMPARED = {
  ...{ jobId: new Uint8Array(16), elapsedMs: 0, contextSize: 0 },
  ...{ tailGap: NO_TAIL_GAP, firstOtherChoice: NO_OTHER_CHOICE },
};

/** Encodes the part of a report that is the same in every class: prompt, vocabulary, spelled text, pictures, and the end of the reply. */
export function encodeFacts(report: ScoreReport): Uint8Array {
  const { promptTokensHash, promptTokenCount, vocabularyHash, responseHash, firstStopToken } = report;
  return createWriter()
    .bytes(FACT_DOMAIN)
    .bytes(promptTokensHash, 32)
    .u32(promptTokenCount)
    .bytes(vocabularyHash, 32)
    .bytes(responseHash, 32)
    .u32(firstStopToken)
    .u8(report.pictureDistance > MAX_PICTURE_DISTANCE ? 1 : 0)
    .finish();
}

/**
 * Encodes a report up to the edge whose rows differ from the claim. The windows behind it prove nothing more.
 * @param edges number of edges up to that one.
 */
export const encodeEdgeDifference = (report: ScoreReport, edges: number): Uint8Array =>
  encodeScoreReport({ ...report, ...UNCOMPARED, windows: [], edges: report.edges.slice(0, edges) });

/**
 * Encodes a report up to the first window that differs from the claim, which proves the difference. Later windows prove nothing
 * more, and a verifier with little room has none. If no window differs, the fault is another choice.
 */
export function encodeDifference(report: ScoreReport, claimed: readonly WindowBytes[]): Uint8Array {
  const { windows, firstOtherChoice } = report;
  const at = windows.findIndex(({ draws, sketch }, i) => {
    const own = claimed[i];
    return own === undefined || !equalBytes(own.draws, draws) || !equalBytes(own.sketch, sketch);
  });
  return encodeScoreReport({
    ...report,
    ...UNCOMPARED,
    firstOtherChoice: at < 0 ? firstOtherChoice : NO_OTHER_CHOICE,
    windows: windows.slice(0, at + 1),
  });
}
