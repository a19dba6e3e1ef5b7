/**
 * The calibration of a statistic by the ranks of held-out honest replies. It gives the p-value for decisions, for any
 * statistic.
 *
 * (1 + #{T_i >= T}) / (n + 1) is right for one reply, averaged over tables. But one table decides many replies. Chance decides
 * once, for the whole table, how often an honest T lies beyond its largest T_i. A product of p-values would multiply that
 * error. So the sequential test multiplies calibrateRank of the rank (e-value.ts), which allows for it.
 */
export interface RankCalibration {
  /** Held-out honest replies. */
  readonly replies: number;
  /** Strictly descending by value, ascending by count; the last one's count is `replies`. */
  readonly steps: readonly RankStep[];
}

export interface RankStep {
  /** A held-out T. */
  readonly value: number;
  /** Held-out replies with T_i >= value. */
  readonly count: number;
}

/** The fewest held-out replies. With fewer, not even the rank can be as small as one in a hundred. */
export const MIN_HELD_OUT_REPLIES = 100;
export const MAX_STEPS = 512;
/** Number of largest values that are all kept. Beyond them, the counts of steps grow by this factor. */
const KEPT_ALL = 64;
const GROWTH = 1.02;

/**
 * Builds a calibration.
 * @param statistics finite, of honest replies outside every fit.
 * @throws RangeError on too few, with the missing number, or on one that is not finite.
 */
export function buildRankCalibration(statistics: readonly number[]): RankCalibration {
  const n = statistics.length;
  if (n < MIN_HELD_OUT_REPLIES) {
    throw new RangeError(`${n} held-out honest replies, ${MIN_HELD_OUT_REPLIES - n} more are needed`);
  }
  if (!statistics.every(Number.isFinite)) throw new RangeError('a held-out statistic is not finite');
  const sorted = Float64Array.from(statistics).sort().reverse();
  const steps: RankStep[] = [];
  let wanted = 1;
  for (let i = 0; i < n; i++) {
    const count = i + 1;
    // Equal values are one step, with the count of the last of them.
    if (count < n && (sorted[i] === sorted[count] || count < wanted)) continue;
    steps.push({ value: sorted[i] as number, count });
    wanted = count < KEPT_ALL ? count + 1 : Math.ceil(count * GROWTH);
  }
  return { replies: n, steps };
}

/**
 * Computes 1 + the number of held-out replies that lie as far or farther. If steps were left out or values were equal, the
 * largest possible number counts, so that the rank is never too small.
 * @returns in 1..replies + 1.
 * @throws RangeError if the statistic is NaN.
 */
export function computeRank({ replies, steps }: RankCalibration, statistic: number): number {
  if (Number.isNaN(statistic)) throw new RangeError('the statistic is not a number');
  const below = steps.findIndex(({ value }) => value < statistic);
  if (below < 0) return replies + 1;
  const previous = steps[below - 1];
  const next = steps[below] as RankStep;
  const above = previous === undefined ? 0 : previous.value === statistic ? previous.count : next.count - 1;
  return 1 + above;
}

/** Computes the p-value of the rank. @returns in [1 / (replies + 1), 1]. @throws as computeRank. */
export const computeRankPValue = (calibration: RankCalibration, statistic: number): number =>
  computeRank(calibration, statistic) / (calibration.replies + 1);
