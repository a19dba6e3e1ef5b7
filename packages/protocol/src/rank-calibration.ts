import { computeBetaQuantile } from './beta.ts';

/**
 * Where a statistic lies among those of held-out honest replies: the p-value that decides, whatever the statistic is.
 *
 * Two numbers, for two questions. The rank (1 + #{T_i >= T}) / (n + 1) is right for one reply, averaged over tables: an
 * honest one is below a with probability at most a. But one table judges many replies, and the honest chance of T beyond
 * its largest T_i is fixed by the table's luck: two in a thousand tables of a thousand honest replies put six times the
 * rank there, and a sequential test would multiply that luck. Its p-values are therefore upper limits of the honest
 * survival function that hold for all thresholds at once with the table's confidence.
 */
export interface RankCalibration {
  /** Held-out honest replies. */
  readonly replies: number;
  /** 1 - P(some upper limit is too low), in (0, 1). */
  readonly confidence: number;
  /** Strictly descending by value, ascending by count; the last one's count is `replies`. */
  readonly steps: readonly RankStep[];
}

export interface RankStep {
  /** A held-out T. */
  readonly value: number;
  /** Held-out replies with T_i >= value. */
  readonly count: number;
  /** Upper confidence limit of P(T > value) for an honest reply, 0..1. */
  readonly upper: number;
}

/** Fewest held-out replies: below, not even the rank can be as small as one in a hundred. */
export const MIN_HELD_OUT_REPLIES = 100;
export const MAX_STEPS = 512;
/** The largest values are all kept; beyond them, steps whose counts grow by this factor. */
const KEPT_ALL = 64;
const GROWTH = 1.02;

/**
 * @param statistics of honest replies that no hypothesis was fitted to, finite.
 * @throws RangeError on too few, saying how many are missing, or on one that is no number.
 */
export function buildRankCalibration(statistics: readonly number[], confidence: number): RankCalibration {
  const n = statistics.length;
  if (n < MIN_HELD_OUT_REPLIES) {
    throw new RangeError(`${n} held-out honest replies, ${MIN_HELD_OUT_REPLIES - n} more are needed`);
  }
  if (!statistics.every(Number.isFinite)) throw new RangeError('a held-out statistic is not finite');
  if (!(confidence > 0 && confidence < 1)) throw new RangeError(`confidence ${confidence}`);
  const sorted = Float64Array.from(statistics).sort().reverse();
  const limits = computeLimits(n, confidence);
  const steps: RankStep[] = [];
  let wanted = 1;
  for (let i = 0; i < n; i++) {
    const count = i + 1;
    // Equal values are one step, with the count of the last of them.
    if (count < n && sorted[i] === sorted[count]) continue;
    if (count < wanted && count < n) continue;
    steps.push({ value: sorted[i] as number, count, upper: limits(count - 1) });
    wanted = count < KEPT_ALL ? count + 1 : Math.ceil(count * GROWTH);
  }
  return { replies: n, confidence, steps };
}

/**
 * Upper limits U_k of P(T > the (k + 1)-th largest): that mass is Beta(k + 1, n - k) distributed whatever the law of T.
 * All hold at once by a union bound over k = 0, 1, 2, 4, 8, ...; between these the next larger one is taken.
 */
function computeLimits(n: number, confidence: number): (k: number) => number {
  const grid = [0];
  for (let k = 1; k < n; k *= 2) grid.push(k);
  const error = (1 - confidence) / grid.length;
  const upper = grid.map((k) => computeBetaQuantile(1 - error, k + 1, n - k));
  return (k) => {
    const index = grid.findIndex((at) => at >= k);
    return index < 0 ? 1 : (upper[index] as number);
  };
}

export interface RankPValue {
  /** Rank of T among the held-out, in [1 / (n + 1), 1]. */
  readonly pValue: number;
  /** Upper confidence limit of the honest chance of such a T, in (0, 1]: what sequential tests take. */
  readonly upper: number;
}

/**
 * Where steps were left out or values were equal, as many are taken to lie above as may: never too small a p-value.
 * @throws RangeError where the statistic is not a number.
 */
export function computeRankPValue({ replies, steps }: RankCalibration, statistic: number): RankPValue {
  if (Number.isNaN(statistic)) throw new RangeError('the statistic is not a number');
  const below = steps.findIndex(({ value }) => value < statistic);
  if (below < 0) return { pValue: 1, upper: 1 };
  const { count, upper } = steps[below] as RankStep;
  const previous = steps[below - 1];
  const above = previous === undefined ? 0 : previous.value === statistic ? previous.count : count - 1;
  return { pValue: (1 + above) / (replies + 1), upper };
}
