import { computeExp, computeLog } from '../base/elementary.ts';

/**
 * From ranks to e-values: nonnegative, with expectation at most 1 under honesty, so that their running product is a
 * supermartingale and Ville's inequality bounds what it ever reaches.
 *
 * A statistic's rank among n held-out honest ones is uniform on 1..n+1, averaged over tables. But one table judges many
 * replies, and given the table the chances of the ranks are spacings of uniform values, whatever the law of the statistic.
 * The bet r^(-4/5) on rank r is divided by a bound on its expected pay for the given table: the mean over tables and three
 * standard deviations. More than 99 tables in 100 pay less (e-value.test.ts). A calibrator of p-values does not know n, and is
 * half as strong.
 */

/** Standard deviations of E[e | table] above its mean that are taken off. */
const LUCK = 3;

/**
 * n = replies + 1: e = n r^(-4/5) / (S + 3 sqrt(V)), with S = 1 + 5 (n^(1/5) - 1) above the sum of r^(-4/5) over ranks, and
 * V = 1 + 5/3 (1 - n^(-3/5)) above that of its square.
 * @param rank 1 (nothing honest is as far) to replies + 1.
 * @param replies held-out honest replies, from 1.
 * @throws RangeError unless both are whole and in range.
 * Source: Vovk & Wang 2021, "E-values: calibration, combination and applications", section 2, for the family kappa p^(kappa - 1).
 */
export function calibrateRank(rank: number, replies: number): number {
  if (!Number.isInteger(replies) || replies < 1) throw new RangeError(`${replies} held-out replies`);
  if (!Number.isInteger(rank) || rank < 1 || rank > replies + 1) {
    throw new RangeError(`${rank} is no rank among ${replies} held-out replies`);
  }
  const n = replies + 1;
  const logN = computeLog(n);
  const sum = 1 + 5 * (computeExp(logN / 5) - 1);
  const variance = 1 + (5 / 3) * (1 - computeExp(-0.6 * logN));
  return (n * computeExp(-0.8 * computeLog(rank))) / (sum + LUCK * Math.sqrt(variance));
}

/**
 * An e-value against the hypothesis that a share of the replies is dishonest: 1 - share + share * e. Its logarithm grows
 * for every share of cheats above none, where e itself would shrink between them.
 */
export function dilute(eValue: number, share: number): number {
  return 1 - share + share * eValue;
}
