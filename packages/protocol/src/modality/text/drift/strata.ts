import {
  buildRankCalibration,
  MIN_HELD_OUT_REPLIES,
  type RankCalibration,
} from '../../../statistics/rank-calibration.ts';
import { roundStatistics, roundUpToBits } from '../../../statistics/round-bits.ts';
import { fitTail, hasTail, type TailFit } from '../../../statistics/tail-fit.ts';

/**
 * Held-out honest replies to text that is about as unlikely. The consumer chooses the temperature. At a high temperature honest
 * statistics have heavier tails, and no centre and width (honest-levels.ts) corrects that. An error rate over all replies would
 * not hold for those. A provider whose consumers all choose a high temperature would be ejected for honest work. Ranks among
 * replies of similar surprise are right in every stratum.
 * Source: Vovk, Gammerman & Shafer 2005, "Algorithmic Learning in a Random World", section 4.5 (Mondrian predictors).
 */
export interface Stratum {
  /** Nats: the largest surprise of this stratum, which begins beyond the stratum before. */
  readonly surprise: number;
  readonly calibration: RankCalibration;
  /** Present if enough replies were held out, and scatter; an extrapolation. */
  readonly tail: TailFit | undefined;
}

/** A held-out honest reply. */
export interface StratumPoint {
  readonly surprise: number;
  readonly statistic: number;
}

export const MAX_STRATA = 4;
/** The fewest held-out replies of a stratum, if there are several: one half for calibration and one for the test. */
export const MIN_STRATUM_REPLIES: number = 2 * MIN_HELD_OUT_REPLIES;
/**
 * The share of the unlikeliest texts that is split off. The others stay together, so that p-values of most replies can be as
 * small as without strata.
 */
const SPLIT_SHARE = 1 / 8;
const LIMIT_BITS = 16;

/**
 * Chooses the upper limits of strata, ascending. The unlikeliest eighth is split off, and of it the unlikeliest eighth, as long
 * as each has enough replies.
 * @param fitted surprises of replies that are not held out. Limits must not depend on the ranked replies.
 * @param heldOut surprises of the held-out replies.
 * @returns limits up to the largest surprise of all.
 */
export function chooseStratumLimits(fitted: readonly number[], heldOut: readonly number[]): number[] {
  const limits: number[] = [];
  let rest = Float64Array.from(fitted).sort();
  while (limits.length < MAX_STRATA - 1 && rest.length > 0) {
    const limit = roundUpToBits(rest[Math.floor((1 - SPLIT_SHARE) * rest.length)] as number, LIMIT_BITS);
    const [below, above] = countAround(heldOut, { from: limits.at(-1) ?? -1, limit });
    if (Math.min(below, above) < MIN_STRATUM_REPLIES) break;
    limits.push(limit);
    rest = rest.filter((surprise) => surprise > limit);
  }
  return [...limits, [...fitted, ...heldOut].reduce((most, surprise) => Math.max(most, surprise), 0)];
}

function countAround(values: readonly number[], { from, limit }: { from: number; limit: number }): [number, number] {
  const above = values.filter((value) => value > limit).length;
  return [values.filter((value) => value > from).length - above, above];
}

/**
 * Builds strata.
 * @param limits from chooseStratumLimits.
 * @throws RangeError if a stratum has too few replies, with the missing number.
 */
export function buildStrata(limits: readonly number[], points: readonly StratumPoint[]): Stratum[] {
  return limits.map((surprise, i) => {
    const from = limits[i - 1] ?? -1;
    const within = points.filter((point) => point.surprise > from && point.surprise <= surprise);
    const statistics = within.map(({ statistic }) => statistic);
    return {
      surprise,
      calibration: buildRankCalibration(roundStatistics(statistics)),
      tail: hasTail(statistics) ? fitTail(statistics) : undefined,
    };
  });
}

/**
 * Finds the stratum of a text with this surprise; the last one if it is unlikelier than all of them. @param strata at least
 * one.
 */
export function findStratum(strata: readonly Stratum[], surprise: number): Stratum {
  return strata.find((stratum) => surprise <= stratum.surprise) ?? (strata.at(-1) as Stratum);
}

/** Counts the held-out replies of all strata. */
export const countHeldOut = (strata: readonly Stratum[]): number =>
  strata.reduce((sum, { calibration }) => sum + calibration.replies, 0);
