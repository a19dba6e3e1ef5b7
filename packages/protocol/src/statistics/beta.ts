import { computeExp, computeLog } from '../base/elementary.ts';

/**
 * The beta distribution: the uncertainty of a proportion, or of the mass beyond an order statistic. It is used for building
 * tables and for reports to people. No verdict uses it.
 */

/** ln Gamma(x), x > 0; relative error below 1e-13. Source: Lanczos 1964, g = 7, nine terms (Godfrey). */
export function computeLogGamma(x: number): number {
  if (!(x > 0)) throw new RangeError(`no logarithm of Gamma at ${x}`);
  if (x < 0.5) return computeLog(Math.PI / Math.sin(Math.PI * x)) - computeLogGamma(1 - x);
  const y = x - 1;
  let sum = LANCZOS[0] as number;
  for (let i = 1; i < LANCZOS.length; i++) sum += (LANCZOS[i] as number) / (y + i);
  const t = y + 7.5;
  return 0.5 * computeLog(2 * Math.PI) + (y + 0.5) * computeLog(t) - t + computeLog(sum);
}

const LANCZOS: readonly number[] = [
  0.9999999999998099, 676.5203681218851, -1259.1392167224028, 771.3234287776531, -176.6150291621406, 12.507343278686905,
  -0.13857109526572012, 9.984369578019572e-6, 1.5056327351493116e-7,
];

/**
 * Computes P(X <= x) for X ~ Beta(a, b).
 * @param x 0..1.
 * @param a > 0.
 * @param b > 0.
 * @throws RangeError outside these ranges.
 * Source: continued fraction 26.5.8 of Abramowitz & Stegun by Lentz's method.
 */
export function computeBetaCdf(x: number, a: number, b: number): number {
  if (!(x >= 0 && x <= 1 && a > 0 && b > 0)) throw new RangeError(`no beta distribution: ${x}, ${a}, ${b}`);
  if (x === 0 || x === 1) return x;
  // The fraction converges fast below the mean; above it the mirrored one does.
  if (x > (a + 1) / (a + b + 2)) return 1 - computeBetaCdf(1 - x, b, a);
  const front = computeExp(
    a * computeLog(x) + b * computeLog(1 - x) + computeLogGamma(a + b) - computeLogGamma(a) - computeLogGamma(b),
  );
  const tiny = 1e-300;
  const safe = (value: number): number => (Math.abs(value) < tiny ? tiny : value);
  let c = 1;
  let d = 1 / safe(1 - ((a + b) * x) / (a + 1));
  let fraction = d;
  for (let m = 1; m <= 500; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / safe(1 + even * d);
    c = safe(1 + even / c);
    fraction *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / safe(1 + odd * d);
    c = safe(1 + odd / c);
    fraction *= d * c;
    if (Math.abs(d * c - 1) < 1e-15) break;
  }
  return (front * fraction) / a;
}
