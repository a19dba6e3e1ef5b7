/**
 * exp(-x) in fixed point, from integers only, so that every language and every JavaScript engine agrees to the bit.
 * exp(-q / 2^16) = HIGH[q >> 12] * LOW[q & 4095], both scaled by 2^26. The tables come from big-integer arithmetic
 * (Taylor series and a recurrence at 96 fractional bits), never from Math.exp, whose last bit depends on the host.
 * vectors/sampler.json holds the SHA-256 of both tables.
 */
const PRECISION = 96n;
const UNIT = 1n << PRECISION;

/** 1.0 in the result's scale: 2^26. */
export const EXP_ONE = 2 ** 26;
/** Inputs from here on give 0 (256 nat). */
export const EXP_LIMIT = 2 ** 24;

/** exp(-1/denominator) at 96 fractional bits, each term truncated. */
function expOfMinusFraction(denominator: bigint): bigint {
  let term = UNIT;
  let sum = UNIT;
  for (let n = 1n; term !== 0n; n++) {
    term /= denominator * n;
    sum += n % 2n === 1n ? -term : term;
  }
  return sum;
}

/** table[i] = round(2^26 * ratio^i). */
function createTable(ratio: bigint): Float64Array {
  const table = new Float64Array(4096);
  const shift = PRECISION - 26n;
  const half = 1n << (shift - 1n);
  let value = UNIT;
  for (let i = 0; i < table.length; i++) {
    table[i] = Number((value + half) >> shift);
    value = (value * ratio) >> PRECISION;
  }
  return table;
}

/** HIGH[i] = exp(-i/16), LOW[i] = exp(-i/65536), times 2^26, rounded half up. */
export const EXP_HIGH: Float64Array = createTable(expOfMinusFraction(16n));
export const EXP_LOW: Float64Array = createTable(expOfMinusFraction(65536n));

/**
 * floor(2^26 * exp(-q / 2^16)), to within the tables' rounding.
 * @param q integer >= 0 in units of 2^-16 nat.
 * @returns integer 0..2^26; the product of two table entries stays below 2^53, so doubles are exact.
 */
export function expFixed(q: number): number {
  if (q >= EXP_LIMIT) return 0;
  return Math.floor(((EXP_HIGH[q >>> 12] as number) * (EXP_LOW[q & 4095] as number)) / EXP_ONE);
}
