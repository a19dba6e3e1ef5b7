import { computeExp, computeLog } from './elementary.ts';

/**
 * From p-values to e-values: nonnegative, with expectation at most 1 under honesty, so that their running product is a
 * supermartingale and Ville's inequality bounds what it ever reaches. A calibrator is a decreasing f on (0, 1] with
 * integral at most 1; f(p) is then an e-value for every p-value p.
 */

/**
 * kappa p^(kappa - 1): bets on small p, the more the smaller kappa.
 * @param pValue in (0, 1].
 * @param kappa in (0, 1).
 * @throws RangeError outside.
 * Source: Vovk & Wang 2021, "E-values: calibration, combination and applications", section 2.
 */
export function calibratePower(pValue: number, kappa: number): number {
  assertPValue(pValue);
  if (!(kappa > 0 && kappa < 1)) throw new RangeError(`kappa ${kappa} is not between 0 and 1`);
  return kappa * computeExp((kappa - 1) * computeLog(pValue));
}

/**
 * The mixture of all of them, integral over kappa of kappa p^(kappa - 1) = (1 - p + p ln p) / (p ln(p)^2): no kappa need
 * be chosen. 1/2 at p = 1, and never below it.
 * @param pValue in (0, 1].
 * @throws RangeError outside.
 * Source: as above.
 */
export function calibrateMixture(pValue: number): number {
  assertPValue(pValue);
  const x = -computeLog(pValue);
  // (e^x - 1 - x) / x^2; where x is small its series, for the difference cancels.
  if (x > 1) return (1 / pValue - 1 - x) / (x * x);
  let sum = 1;
  for (let k = 20; k >= 3; k--) sum = 1 + (sum * x) / k;
  return sum / 2;
}

function assertPValue(pValue: number): void {
  if (!(pValue > 0 && pValue <= 1)) throw new RangeError(`${pValue} is no p-value in (0, 1]`);
}

/**
 * An e-value against the hypothesis that a share of the replies is dishonest: 1 - share + share * e. Its logarithm grows
 * for every share of cheats above none, where e itself would shrink between them.
 */
export function dilute(eValue: number, share: number): number {
  return 1 - share + share * eValue;
}
