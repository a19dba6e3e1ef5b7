/**
 * exp and ln from IEEE additions, multiplications and divisions only. Math.exp and Math.log may differ in the last bit
 * between JavaScript engines, and a verifier must reach the same fixed-point log-probabilities as the provider.
 */

export const STEPS_PER_NAT = 128;
/** Terms below e^-40 of the largest cannot reach the 2^-24 and 2^-16 grids that everything is rounded to. */
export const CUTOFF_NATS = 40;
export const STEPS = CUTOFF_NATS * STEPS_PER_NAT;
/** Coefficients of exp(-r / 128) for a remainder r in table steps: 1 - C1 r + C2 r^2 - C3 r^3, error below 1.6e-10. */
export const REMAINDER_COEFFICIENTS = [
  1 / STEPS_PER_NAT,
  1 / (2 * STEPS_PER_NAT ** 2),
  1 / (6 * STEPS_PER_NAT ** 3),
] as const;
const [C1, C2, C3] = REMAINDER_COEFFICIENTS;
/** TABLE[k] = exp(-k / 128), by repeated multiplication: relative error below 1e-12. Nobody may write to it. */
export const TABLE = createTable();

function createTable(): Float64Array {
  const ratio = series(1 / STEPS_PER_NAT);
  const table = new Float64Array(STEPS + 1);
  let value = 1;
  for (let k = 0; k < table.length; k++) {
    table[k] = value;
    value *= ratio;
  }
  return table;
}

/** exp(-r) for 0 <= r <= 1/128; the first omitted term is below 1e-24. */
function series(r: number): number {
  let term = 1;
  let sum = 1;
  for (let n = 1; n <= 8; n++) {
    term = (term * -r) / n;
    sum += term;
  }
  return sum;
}

/**
 * exp(-x), relative error below 2e-10.
 * @param x nats; slightly negative values (rounding) are allowed; from 40 on, and for NaN, the result is 0.
 */
export function expNegative(x: number): number {
  const y = x * STEPS_PER_NAT;
  if (!(y < STEPS)) return 0;
  const k = y | 0;
  const r = y - k;
  return (TABLE[k] as number) * (1 - r * C1 + r * r * (C2 - r * C3));
}

/**
 * Sum over i ascending of exp(scale * (values[offset + i] - reference)), f64.
 * @param values f32 logits; -Infinity counts nothing.
 * @param reference at least the largest of the values (up to rounding).
 * @param scale positive: 1 / temperature.
 */
export function sumExponentials(
  values: Float32Array,
  { offset, length, reference, scale }: { offset: number; length: number; reference: number; scale: number },
): number {
  const table = TABLE;
  const slope = scale * STEPS_PER_NAT;
  const top = reference * slope;
  let sum = 0;
  for (let i = offset, end = offset + length; i < end; i++) {
    const y = top - (values[i] as number) * slope;
    if (y < STEPS) {
      const k = y | 0;
      const r = y - k;
      sum += (table[k] as number) * (1 - r * C1 + r * r * (C2 - r * C3));
    }
  }
  return sum;
}

const LN2_HIGH = 0.6931471803691238;
const LN2_LOW = 1.9082149292705877e-10;
const SQRT2 = Math.SQRT2;

/** Natural logarithm of a positive finite number, error below 2 ulp (halving, then the atanh series). */
export function naturalLog(x: number): number {
  let exponent = 0;
  let m = x;
  while (m >= SQRT2) {
    m *= 0.5;
    exponent++;
  }
  while (m < SQRT2 / 2) {
    m *= 2;
    exponent--;
  }
  const s = (m - 1) / (m + 1);
  const s2 = s * s;
  let sum = 0;
  for (let n = 21; n >= 1; n -= 2) sum = sum * s2 + 1 / n;
  return exponent * LN2_HIGH + (2 * s * sum + exponent * LN2_LOW);
}
