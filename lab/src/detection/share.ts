import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { computeQuantile, computeWilsonInterval } from '@ogong/protocol/statistics/statistics';
import type { Share } from './results.ts';

/** @throws RangeError without trials. */
export function toShare(successes: number, of: number): Share {
  const { low, high } = computeWilsonInterval(successes, of);
  return { value: successes / of, low, high, of };
}

export const shareOf = <T>(items: readonly T[], holds: (item: T) => boolean): Share =>
  items.length === 0 ? { value: 0, low: 0, high: 1, of: 0 } : toShare(items.filter(holds).length, items.length);

/**
 * Probability that a cheat's statistic is above an honest one's, ties counted half (Mann-Whitney), with a 95 % interval
 * from resampling both sides.
 */
export function computeAuc(honest: readonly number[], cheats: readonly number[], seed: number): Share {
  const of = cheats.length;
  const value = auc(honest, cheats);
  // Resampling a perfect or nearly perfect separation hides its uncertainty. At 95 %, a share of 3 / n of pairs may be lost.
  const doubt = Math.min(1, 3 / Math.min(honest.length, cheats.length));
  if (value === 1) return { value, low: 1 - doubt, high: 1, of };
  if (value === 0) return { value, low: 0, high: doubt, of };
  const random = createSeededRandom(seed);
  const resample = (values: readonly number[]): number[] =>
    values.map(() => values[Math.floor(random() * values.length)] as number);
  const rounds = Array.from({ length: 200 }, () => auc(resample(honest), resample(cheats)));
  const low = Math.min(computeQuantile(rounds, 0.025), 1 - doubt);
  const high = Math.max(computeQuantile(rounds, 0.975), doubt);
  return { value, low, high, of };
}

function auc(honest: readonly number[], cheats: readonly number[]): number {
  const sorted = Float64Array.from(honest).sort();
  let sum = 0;
  for (const value of cheats) sum += (countBelow(sorted, value, false) + countBelow(sorted, value, true)) / 2;
  return sum / (honest.length * cheats.length);
}

/** Values below `limit`, or not above it. */
function countBelow(sorted: Float64Array, limit: number, inclusive: boolean): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const value = sorted[middle] as number;
    if (value < limit || (inclusive && value === limit)) low = middle + 1;
    else high = middle;
  }
  return low;
}
