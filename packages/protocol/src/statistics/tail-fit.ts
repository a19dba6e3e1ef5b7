import { computeExp, computeLog } from '../base/elementary.ts';

/**
 * A fit of the far tail of honest drift, beyond the observations. Exceedances over a high threshold follow, in the limit, a
 * generalised Pareto distribution. It is an extrapolation, and is called so wherever it is used. Ranks are not.
 */
export interface TailFit {
  /** Exceedances are above this value. */
  readonly threshold: number;
  /** Share of all values that exceeded it, in (0, 1). */
  readonly share: number;
  readonly exceedances: number;
  /** Positive: heavy. Zero: exponential. It lies in [0, 0.5), because no sample is large enough to assume a bounded tail. */
  readonly shape: number;
  readonly scale: number;
}

/** The fewest exceedances of a fit. */
export const MIN_EXCEEDANCES = 50;
/**
 * The share of a sample that is used for a fit. With a tenth of a few hundred values, the shape's confidence limit is very
 * wide. Then no limit of a probability falls below one in ten thousand. With a quarter, the limits of unbounded tails are
 * closer, and all still have the stated coverage.
 */
const TAIL_SHARE = 1 / 4;

/** Returns whether fitTail has enough data: the largest `share` of the values are many, and not all equal. */
export function hasTail(values: readonly number[], share: number = TAIL_SHARE): boolean {
  const count = Math.floor(values.length * share);
  if (count < MIN_EXCEEDANCES) return false;
  const sorted = Float64Array.from(values).sort();
  const threshold = sorted[values.length - count - 1] as number;
  // Weighted moments are above 0 if one of them, besides the largest, exceeds the threshold.
  return (sorted[values.length - 2] as number) > threshold;
}

/**
 * Fits a tail by probability-weighted moments over the largest `share` of the values.
 * @throws RangeError on too few values, with the missing number.
 * Source: Hosking & Wallis 1987, "Parameter and quantile estimation for the generalized Pareto distribution".
 */
export function fitTail(values: readonly number[], share: number = TAIL_SHARE): TailFit {
  if (!(share > 0 && share < 1)) throw new RangeError(`no share of a sample: ${share}`);
  if (!values.every(Number.isFinite)) throw new RangeError('a value is not finite');
  const count = Math.floor(values.length * share);
  if (count < MIN_EXCEEDANCES) {
    throw new RangeError(
      `${count} values exceed the threshold; ${Math.ceil(MIN_EXCEEDANCES / share) - values.length} more replies are needed`,
    );
  }
  const sorted = Float64Array.from(values).sort();
  const threshold = sorted[values.length - count - 1] as number;
  let mean = 0;
  let weighted = 0;
  for (let i = 0; i < count; i++) {
    const exceedance = (sorted[values.length - count + i] as number) - threshold;
    mean += exceedance / count;
    weighted += (exceedance * (count - 1 - i)) / (count - 1) / count;
  }
  if (!(weighted > 0)) throw new RangeError('the largest values are all equal: there is no tail to fit');
  const k = mean / (mean - 2 * weighted) - 2;
  // Moments end at 1/2. A shape below 0 would bound the possible values a little beyond the largest observed one. The delta
  // method does not include the uncertainty of that bound, so limits would fail far too often on normal samples.
  const shape = Math.min(Math.max(-k, 0), 0.499);
  return { threshold, share: count / values.length, exceedances: count, shape, scale: mean * (1 - shape) };
}

/** Computes P(X > value) of the fit. At and below the threshold it returns the share; use ranks there instead. */
export function computeTailSurvival({ threshold, share, shape, scale }: TailFit, value: number): number {
  return share * computeExp(logSurvival(Math.max(value - threshold, 0), shape, scale));
}

/**
 * Computes the upper confidence limit of that survival. Far out everything depends on the shape, and not linearly. So the
 * survival is computed again with the shape's upper limit and the matching scale. The rest of the scale's error and the error
 * of the share are added in squares, on the logarithm.
 * @param z of a one-sided normal interval; 2.326 for 99 % in the limit.
 * Source: asymptotic covariance of the estimates, Hosking & Wallis 1987, with k = -shape.
 */
export function computeTailSurvivalLimit(fit: TailFit, value: number, z: number): number {
  const { threshold, share, shape, scale, exceedances } = fit;
  const excess = Math.max(value - threshold, 0);
  const k = -shape;
  const denominator = (1 + 2 * k) * (3 + 2 * k) * exceedances;
  const varianceScale = (scale ** 2 * (7 + 18 * k + 11 * k ** 2 + 2 * k ** 3)) / denominator;
  const covariance = (-scale * (2 + k) * (2 + 6 * k + 7 * k ** 2 + 2 * k ** 3)) / denominator;
  const varianceShape = ((1 + k) * (2 + k) ** 2 * (1 + k + 2 * k ** 2)) / denominator;
  const up = z * Math.sqrt(varianceShape);
  const scaleThere = Math.max(scale + (covariance / varianceShape) * up, scale / 4);
  const base = logSurvival(excess, shape, scale);
  const byShape = Math.max(0, logSurvival(excess, shape + up, scaleThere) - base);
  const restScale = Math.sqrt(Math.max(varianceScale - covariance ** 2 / varianceShape, 0));
  const byScale = logSurvival(excess, shape, scale + z * restScale) - base;
  const byShare = z * Math.sqrt((1 - share) / exceedances);
  return Math.min(1, share * computeExp(base + Math.sqrt(byShape ** 2 + byScale ** 2 + byShare ** 2)));
}

/** Computes ln S = -ln(1 + shape x / scale) / shape. */
function logSurvival(excess: number, shape: number, scale: number): number {
  const y = excess / scale;
  return shape < 1e-9 ? -y : -computeLog(1 + shape * y) / shape;
}
