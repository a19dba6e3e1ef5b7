import { computeExp, computeLog, computeLogSum } from '../../../base/elementary.ts';
import { VALUE_CELLS } from '../stage2/bent-values.ts';
import { MARGIN_BINS } from '../stage2/draw-margin.ts';
import { getSurprise, isEqualThroughout, REPLY_SCORES, type ReplyEvidence } from '../stage2/reply-scores.ts';
import { type HonestLevel, levelStatistic } from './honest-levels.ts';

/**
 * A hypothesis about a reply: honest drift, or a named way of cheating. The likelihood ratio compares a reply's distances under
 * both. Hypotheses are models fitted to samples (likelihood-fit.ts) and need not be right. The decision uses the distribution
 * of T over honest replies, measured on other replies (drift-table.ts). A wrong model costs power, never validity.
 */
export interface Hypothesis {
  readonly name: string;
  /** Number of replies in its fit; 0 if it was derived from the honest ones. */
  readonly samples: number;
  /** Prior weight among the alternatives, in (0, 1]; 1 for the honest one. */
  readonly weight: number;
  /** Centre of the scores, in the order of REPLY_SCORES. */
  readonly mean: Float64Array;
  /**
   * Lower triangle, row by row, of W with W^T W = the inverse of the scores' scatter. W (x - mean) has uncorrelated components
   * of size one. Diagonal positive.
   */
  readonly whitening: Float64Array;
  /** P(the distribution moves by at least a margin of this bin), f64[25], each in [1e-7, 1 - 1e-7]. */
  readonly mismatch: Float64Array;
  /** P(a position's values lie in this cell, if any differs), f64[20], each in [1e-9, 1]; they sum to 1. See bent-values.ts. */
  readonly values: Float64Array;
}

export interface Likelihood {
  readonly honest: Hypothesis;
  /** At least one; weights sum to 1. */
  readonly alternatives: readonly Hypothesis[];
  /** The reference of the statistic; none if the fit had too few replies. */
  readonly levels: readonly HonestLevel[];
}

/** Degrees of freedom of the multivariate t. Its heavy tails prevent that one odd score outweighs all others. */
export const DEGREES = 6;
const SIZE = REPLY_SCORES.length;
export const WHITENING_SIZE = (SIZE * (SIZE + 1)) / 2;

export interface LikelihoodResult {
  /**
   * ln of the alternatives' mixture over the honest density, relative to the levels. Larger values count against honesty.
   * Finite.
   */
  readonly statistic: number;
  /** Alternatives with their share of the mixture, largest first; sums to 1. */
  readonly posteriors: readonly { readonly name: string; readonly posterior: number }[];
}

const LIMIT = 1e6;
/** The statistic of a reply that equals its re-run everywhere. */
export const EQUAL_STATISTIC: number = -LIMIT;

/**
 * Evaluates a likelihood. A reply that equals the re-run everywhere comes from the model, in any class, so it gets the least
 * statistic. (If a provider computes equal values afterwards, the draws do not replay from them, and stage 1 fails.)
 */
export function evaluateLikelihood(
  { honest, alternatives, levels }: Likelihood,
  evidence: ReplyEvidence,
): LikelihoodResult {
  if (isEqualThroughout(evidence)) {
    return {
      statistic: EQUAL_STATISTIC,
      posteriors: alternatives.map(({ name, weight }) => ({ name, posterior: weight })),
    };
  }
  const base = computeLogDensity(honest, evidence);
  const logs = alternatives.map(
    (alternative) => computeLog(alternative.weight) + computeLogDensity(alternative, evidence) - base,
  );
  const total = computeLogSum(logs);
  const posteriors = alternatives.map(({ name }, i) => ({ name, posterior: computeExp((logs[i] as number) - total) }));
  // The sort is stable, so ties keep the table's order.
  posteriors.sort((a, b) => b.posterior - a.posterior);
  const statistic = levelStatistic(levels, { surprise: getSurprise(evidence), statistic: total });
  return { statistic: Math.min(Math.max(statistic, -LIMIT), LIMIT), posteriors };
}

/**
 * Computes the log-density: scores as a multivariate t, draws given their margins, without constants common to all hypotheses.
 * A mismatch enters by its gap. For a token other than the verifier's draw, the distribution had to move that far.
 */
function computeLogDensity(hypothesis: Hypothesis, { scores, draws, values }: ReplyEvidence): number {
  return (
    computeLogScores(hypothesis, scores) + computeLogDraws(hypothesis, draws) + computeLogValues(hypothesis, values)
  );
}

function computeLogScores({ mean, whitening }: Hypothesis, scores: Float64Array): number {
  let squares = 0;
  let logDeterminant = 0;
  let at = 0;
  for (let row = 0; row < SIZE; row++) {
    let z = 0;
    for (let column = 0; column <= row; column++, at++) {
      z += (whitening[at] as number) * ((scores[column] as number) - (mean[column] as number));
    }
    logDeterminant += computeLog(whitening[at - 1] as number);
    squares += z * z;
  }
  return logDeterminant - ((DEGREES + SIZE) / 2) * computeLog(1 + squares / DEGREES);
}

function computeLogValues({ values: rates }: Hypothesis, values: Uint32Array): number {
  let sum = 0;
  for (let cell = 0; cell < VALUE_CELLS; cell++) {
    const count = values[cell] as number;
    if (count > 0) sum += count * computeLog(rates[cell] as number);
  }
  return sum;
}

function computeLogDraws({ mismatch }: Hypothesis, { matches, gaps }: ReplyEvidence['draws']): number {
  let sum = 0;
  for (let bin = 0; bin < MARGIN_BINS; bin++) {
    const rate = mismatch[bin] as number;
    if ((matches[bin] as number) > 0) sum += (matches[bin] as number) * computeLog(1 - rate);
    if ((gaps[bin] as number) > 0) sum += (gaps[bin] as number) * computeLog(rate);
  }
  return sum;
}
