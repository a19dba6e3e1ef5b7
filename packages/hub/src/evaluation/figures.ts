import { computeWilsonInterval } from '@ogong/protocol/statistics/statistics';

/** The result of an evaluation. Shares are in parts per million. */
export interface EvaluationFigures {
  /** Root of the weights that gave all counted answers, hex. */
  readonly modelRoot: string;
  /** Questions of the set. */
  readonly questions: number;
  /** Questions whose answer has a receipt that holds. */
  readonly counted: number;
  readonly right: number;
  readonly sharePpm: number;
  /** Ends of the 95 % Wilson interval of the share. */
  readonly lowPpm: number;
  readonly highPpm: number;
}

const toPpm = (share: number): number => Math.floor(share * 1_000_000 + 0.5);

/** Computes the share of right answers with its interval. @throws RangeError if none counts. */
export function computeFigures(
  found: Pick<EvaluationFigures, 'modelRoot' | 'questions' | 'counted' | 'right'>,
): EvaluationFigures {
  const { low, high } = computeWilsonInterval(found.right, found.counted);
  return { ...found, sharePpm: toPpm(found.right / found.counted), lowPpm: toPpm(low), highPpm: toPpm(high) };
}
