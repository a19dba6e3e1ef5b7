/** The statistics of audits and their reports. Everything here is deterministic, and nothing here decides. */

export interface TopDistances {
  /** Half the L1 distance, 0..1. */
  readonly totalVariation: number;
  /** Sup-norm distance of the cumulative masses, 0..1. */
  readonly kolmogorov: number;
}

/**
 * Computes total variation and Kolmogorov-Smirnov distance over the COMMITTED top-k support, in committed order (best first).
 * Neither covers mass below rank k, so the tails are signed and checked separately. The KS value is a divergence with an
 * empirical threshold, not a test: one deterministic re-run has no sampling model.
 * @param aligned the other side's masses of the committed ids, 0 for ids that it does not list.
 * @param out overwritten and returned.
 * Source: whitepaper section 3.
 */
export function computeAlignedDistances(
  committed: ArrayLike<number>,
  aligned: ArrayLike<number>,
  count: number,
  out: { -readonly [K in keyof TopDistances]: number },
): TopDistances {
  let absolute = 0;
  let cumulative = 0;
  let kolmogorov = 0;
  for (let i = 0; i < count; i++) {
    const difference = (committed[i] as number) - (aligned[i] as number);
    absolute += Math.abs(difference);
    cumulative += difference;
    kolmogorov = Math.max(kolmogorov, Math.abs(cumulative));
  }
  out.totalVariation = absolute / 2;
  out.kolmogorov = kolmogorov;
  return out;
}

/**
 * Computes P(K <= x) for the Kolmogorov distribution, the limit law of sqrt(n) times the KS statistic. The relative error is
 * below 1e-10 for every x whose value is above 1e-300.
 * Source: theta-function form (Marsaglia, Tsang & Wang 2003) below 1, the alternating series above.
 */
export function computeKolmogorovCdf(x: number): number {
  if (!(x > 0)) return 0;
  if (x >= 1) return 1 - computeKolmogorovSurvival(x);
  const exponent = (-Math.PI * Math.PI) / (8 * x * x);
  let sum = 0;
  for (let k = 1; k <= 9; k += 2) sum += Math.exp(exponent * k * k);
  return (Math.sqrt(2 * Math.PI) / x) * sum;
}

/** Computes P(K > x), see computeKolmogorovCdf. It keeps relative accuracy in the upper tail. */
export function computeKolmogorovSurvival(x: number): number {
  if (!(x > 0)) return 1;
  if (x < 1) return 1 - computeKolmogorovCdf(x);
  let sum = 0;
  for (let k = 1; k <= 6; k++) sum += (k % 2 === 1 ? 1 : -1) * Math.exp(-2 * k * k * x * x);
  return 2 * sum;
}

/**
 * Computes P(D+ >= d): how often the empirical distribution function of n uniform values rises above the diagonal by d or more.
 * Exact for every n; relative error below 1e-9 for n up to a million.
 * @throws RangeError unless n is a positive integer and d in 0..1.
 * Source: Birnbaum & Tingey 1951.
 */
export function computeSmirnovSurvival(n: number, d: number): number {
  if (!(Number.isInteger(n) && n >= 1 && d >= 0 && d <= 1)) throw new RangeError(`no one-sided statistic: ${n}, ${d}`);
  if (d === 0) return 1;
  let sum = 0;
  let logChoose = 0;
  for (let j = 0; j <= Math.floor(n * (1 - d)); j++) {
    if (j > 0) logChoose += Math.log((n - j + 1) / j);
    const rest = 1 - d - j / n;
    // 0^0 is 1: at j = n nothing is left to choose.
    const tail = n === j ? 0 : (n - j) * Math.log(rest);
    if (rest > 0 || n === j) sum += Math.exp(logChoose + (j - 1) * Math.log(d + j / n) + tail);
  }
  return Math.min(1, d * sum);
}

/**
 * Tests whether p-values are too small for honest ones: the one-sided test that they are no smaller than uniform.
 * @throws RangeError on an empty sample, a NaN or a value outside 0..1.
 * @internal for tests that check p-values
 */
export function testUniformity(pValues: ArrayLike<number>): { readonly statistic: number; readonly pValue: number } {
  const ordered = sorted(pValues);
  let statistic = 0;
  ordered.forEach((value, i) => {
    if (!(value >= 0 && value <= 1)) throw new RangeError(`${value} is no p-value`);
    statistic = Math.max(statistic, (i + 1) / ordered.length - value);
  });
  return { statistic, pValue: computeSmirnovSurvival(ordered.length, statistic) };
}

/** The z of a two-sided 95 % interval. */
export const Z_95 = 1.959963984540054;

/**
 * Computes the Wilson score interval of a proportion. It has positive width at 0 and at `trials`, unlike the naive interval.
 * @throws RangeError unless 0 <= successes <= trials and trials > 0.
 * Source: Wilson 1927.
 */
export function computeWilsonInterval(successes: number, trials: number, z = Z_95): { low: number; high: number } {
  if (!(trials > 0 && successes >= 0 && successes <= trials)) {
    throw new RangeError(`no proportion: ${successes} of ${trials}`);
  }
  const p = successes / trials;
  const z2 = (z * z) / trials;
  const centre = (p + z2 / 2) / (1 + z2);
  const half = (z * Math.sqrt((p * (1 - p)) / trials + z2 / (4 * trials))) / (1 + z2);
  return { low: successes === 0 ? 0 : centre - half, high: successes === trials ? 1 : centre + half };
}

/**
 * Computes the linear-interpolation quantile (type 7 of Hyndman & Fan 1996, the default of R and NumPy).
 * @param probability 0..1.
 * @throws RangeError on an empty sample, a NaN or a probability outside 0..1.
 */
export function computeQuantile(values: ArrayLike<number>, probability: number): number {
  if (!(probability >= 0 && probability <= 1)) throw new RangeError(`not a probability: ${probability}`);
  const ordered = sorted(values);
  const position = (ordered.length - 1) * probability;
  const below = Math.floor(position);
  const low = ordered[below] as number;
  const high = ordered[Math.min(below + 1, ordered.length - 1)] as number;
  // Two infinities have no difference; equal neighbours need no interpolation.
  return low === high ? low : low + (position - below) * (high - low);
}

export function computeMedian(values: ArrayLike<number>): number {
  return computeQuantile(values, 0.5);
}

function sorted(values: ArrayLike<number>): Float64Array {
  const out = Float64Array.from(values);
  if (out.length === 0 || out.some(Number.isNaN)) throw new RangeError('empty sample, or one with NaN');
  return out.sort();
}
