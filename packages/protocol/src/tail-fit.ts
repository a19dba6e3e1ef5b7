import { computeExp, computeLog } from './elementary.ts';

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
  /** Positive: heavy. Zero: exponential. In [0, 0.5): a bounded tail is never taken on the word of a sample. */
  readonly shape: number;
  readonly scale: number;
}

/** Fewest exceedances that a tail is fitted to. */
export const MIN_EXCEEDANCES = 50;

/**
 * Probability-weighted moments over the largest `share` of the values.
 * @throws RangeError on too few values, saying how many are missing.
 * Source: Hosking & Wallis 1987, "Parameter and quantile estimation for the generalized Pareto distribution".
 */
export function fitTail(values: readonly number[], share = 0.1): TailFit {
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

/** P(X > value) as fitted; at and below the threshold, where ranks are to be asked, the share. */
export function computeTailSurvival({ threshold, share, shape, scale }: TailFit, value: number): number {
  const excess = Math.max(value - threshold, 0) / scale;
  return share * survive(excess, shape);
}

function survive(excess: number, shape: number): number {
  if (Math.abs(shape) < 1e-9) return computeExp(-excess);
  const base = 1 + shape * excess;
  return base > 0 ? computeExp(-computeLog(base) / shape) : 0;
}

/**
 * Upper confidence limit of that survival, by the asymptotic covariance of the estimates (delta method on its
 * logarithm) and of the share.
 * @param z of a one-sided normal interval; 1.645 for 95 %.
 * Source: Hosking & Wallis 1987, equation 6, with k = -shape.
 */
export function computeTailSurvivalLimit(fit: TailFit, value: number, z: number): number {
  const { threshold, share, shape, scale, exceedances } = fit;
  const x = Math.max(value - threshold, 0);
  // ln S = -ln(1 + shape y) / shape with y = x / scale.
  const log = (xi: number, sigma: number): number => {
    const y = x / sigma;
    if (Math.abs(xi) < 1e-6) return -y + (xi * y * y) / 2;
    return -computeLog(1 + xi * y) / xi;
  };
  const k = -shape;
  const denominator = (1 + 2 * k) * (3 + 2 * k) * exceedances;
  const varianceScale = (scale ** 2 * (7 + 18 * k + 11 * k ** 2 + 2 * k ** 3)) / denominator;
  const covariance = (scale * (2 + k) * (2 + 6 * k + 7 * k ** 2 + 2 * k ** 3)) / denominator;
  const varianceK = ((1 + k) * (2 + k) ** 2 * (1 + k + 2 * k ** 2)) / denominator;
  const step = 1e-4;
  const byShape = (log(shape + step, scale) - log(shape, scale)) / step;
  const byScale = (log(shape, scale * (1 + step)) - log(shape, scale * (1 - step))) / (2 * step * scale);
  const variance =
    byScale ** 2 * varianceScale -
    2 * byScale * byShape * covariance +
    byShape ** 2 * varianceK +
    (1 - share) / exceedances;
  return Math.min(1, share * computeExp(log(shape, scale) + z * Math.sqrt(Math.max(variance, 0))));
}
