import { computeExp, computeLog } from '../base/elementary.ts';

/**
 * The far tail of honest drift, beyond what was observed: exceedances over a high threshold follow, in the limit, a
 * generalised Pareto distribution. An extrapolation, and named so wherever it is used: ranks are not.
 */
export interface TailFit {
  /** Exceedances are over this. */
  readonly threshold: number;
  /** Share of all values that exceeded it, in (0, 1). */
  readonly share: number;
  readonly exceedances: number;
  /** Positive: heavy. Zero: exponential. In [0, 0.5): no sample is enough to assume that a tail is bounded. */
  readonly shape: number;
  readonly scale: number;
}

/** Fewest exceedances that a tail is fitted to. */
export const MIN_EXCEEDANCES = 50;
/**
 * The share of a sample that a tail is fitted to. With a tenth of a few hundred values, the shape's confidence limit is so wide
 * that no limit of a probability falls below one in ten thousand. With a quarter, the limits of unbounded tails are closer, and
 * all still hold as often as promised.
 */
const TAIL_SHARE = 1 / 4;

/** Whether fitTail has enough to fit to: the largest `share` of the values are many, and not all alike. */
export function hasTail(values: readonly number[], share: number = TAIL_SHARE): boolean {
  const count = Math.floor(values.length * share);
  if (count < MIN_EXCEEDANCES) return false;
  const sorted = Float64Array.from(values).sort();
  const threshold = sorted[values.length - count - 1] as number;
  // Weighted moments are above 0 where one of them but the largest exceeds the threshold.
  return (sorted[values.length - 2] as number) > threshold;
}

/**
 * Probability-weighted moments over the largest `share` of the values.
 * @throws RangeError on too few values, saying how many are missing.
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
  // Moments end at 1/2. Below 0 the fit would put an end to what can happen a little beyond the largest value seen, and the
  // delta method does not see how little is known about that end: limits then fail far too often on normal samples.
  const shape = Math.min(Math.max(-k, 0), 0.499);
  return { threshold, share: count / values.length, exceedances: count, shape, scale: mean * (1 - shape) };
}

/** P(X > value) as fitted; at and below the threshold, where ranks should be used instead, the share. */
export function computeTailSurvival({ threshold, share, shape, scale }: TailFit, value: number): number {
  return share * computeExp(logSurvival(Math.max(value - threshold, 0), shape, scale));
}

/**
 * Upper confidence limit of that survival. Far out everything depends on the shape, and not linearly. So the survival is
 * computed again with the shape's upper limit and the scale that belongs to it. The rest of the scale's error and the error of
 * the share are added in squares, on the logarithm.
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

/** ln S = -ln(1 + shape x / scale) / shape. */
function logSurvival(excess: number, shape: number, scale: number): number {
  const y = excess / scale;
  return shape < 1e-9 ? -y : -computeLog(1 + shape * y) / shape;
}
