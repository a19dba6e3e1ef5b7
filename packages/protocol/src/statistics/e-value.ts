import { computeExp, computeLog } from '../base/elementary.ts';

/**
 * E-values from ranks: nonnegative, with expectation at most 1 under honesty. So their running product is a supermartingale,
 * and Ville's inequality bounds its maximum.
 *
 * The rank of a statistic among n held-out honest ones is uniform on 1..n+1, averaged over tables. But one table decides many
 * replies. Given the table, the chances of the ranks are spacings of uniform values, for any distribution of the statistic. The
 * bet r^(-4/5) on rank r is divided by a bound on its expected pay for the given table. The bound is the mean over tables plus
 * three standard deviations. More than 99 tables in 100 pay less (e-value.test.ts). A calibrator of p-values does not know n,
 * and is half as strong.
 */

/** Standard deviations of E[e | table] above its mean that are deducted. */
const LUCK = 3;

/**
 * Computes e = n r^(-4/5) / (S + 3 sqrt(V)) with n = replies + 1. S = 1 + 5 (n^(1/5) - 1) lies above the sum of r^(-4/5) over
 * ranks. V = 1 + 5/3 (1 - n^(-3/5)) lies above that of its square.
 * @param rank 1 (nothing honest is as far) to replies + 1.
 * @param replies held-out honest replies, from 1.
 * @throws RangeError unless both are whole and in range.
 * Source: Vovk & Wang 2021, "E-values: calibration, combination and applications", section 2, for the family kappa p^(kappa -
 * 1).
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
 * Computes an e-value against the hypothesis that a share of the replies is dishonest: 1 - share + share * e. Its logarithm
 * grows for every positive share of cheats; that of e itself would shrink between them.
 */
export function dilute(eValue: number, share: number): number {
  return 1 - share + share * eValue;
}
