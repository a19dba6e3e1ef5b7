/**
 * Logarithm and exponential from +, -, * and / alone: Math.log and Math.exp may differ in the last bit between hosts, but
 * co-signers must compute the same bits everywhere.
 */
const view = new DataView(new ArrayBuffer(8));
const LN2_HIGH = 0.6931471803691238;
const LN2_LOW = 1.9082149292705877e-10;

/**
 * Natural logarithm; relative error below 1e-15 away from 1, absolute below 1e-16 near it.
 * @param x >= 0; 0 gives -Infinity, Infinity gives Infinity.
 * @returns NaN for NaN and below 0.
 * Source: ln(2^k m) = k ln 2 + 2 artanh((m - 1) / (m + 1)) with m in [sqrt(1/2), sqrt(2)), ln 2 in two parts (fdlibm).
 */
export function computeLog(x: number): number {
  if (!(x > 0)) return x === 0 ? Number.NEGATIVE_INFINITY : Number.NaN;
  if (x === Number.POSITIVE_INFINITY) return x;
  // Subnormals are first made normal.
  const scaled = x < 2 ** -1022 ? x * 2 ** 54 : x;
  view.setFloat64(0, scaled);
  const high = view.getUint32(0);
  let exponent = (high >>> 20) - 1023 - (scaled === x ? 0 : 54);
  view.setUint32(0, (high & 0xfffff) | 0x3ff00000);
  let mantissa = view.getFloat64(0);
  if (mantissa >= Math.SQRT2) {
    mantissa /= 2;
    exponent++;
  }
  const s = (mantissa - 1) / (mantissa + 1);
  const square = s * s;
  let sum = 0;
  for (let k = 23; k >= 3; k -= 2) sum = (sum + 1 / k) * square;
  return exponent * LN2_HIGH + (2 * s + (2 * s * sum + exponent * LN2_LOW));
}

/**
 * e^x; relative error below 1e-15.
 * @returns 0 below -745, Infinity above 709.78, NaN for NaN.
 * Source: e^x = 2^k e^r with |r| <= ln(2)/2, Taylor series of 15 terms.
 */
export function computeExp(x: number): number {
  if (Number.isNaN(x)) return x;
  if (x > 709.782712893384) return Number.POSITIVE_INFINITY;
  if (x < -745.2) return 0;
  const k = Math.floor(x / Math.LN2 + 0.5);
  const r = x - k * LN2_HIGH - k * LN2_LOW;
  let sum = 1;
  for (let n = 15; n >= 1; n--) sum = 1 + (sum * r) / n;
  // Two steps, so that results below 2^-1022 are rounded once and no intermediate result reaches 2^1024.
  const half = Math.trunc(k / 2);
  return sum * powerOfTwo(half) * powerOfTwo(k - half);
}

/** @param exponent -1022..1023. */
function powerOfTwo(exponent: number): number {
  view.setUint32(0, (exponent + 1023) << 20);
  view.setUint32(4, 0);
  return view.getFloat64(0);
}

/** ln(sum of e^x); -Infinity for an empty list. */
export function computeLogSum(terms: ArrayLike<number>): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < terms.length; i++) largest = Math.max(largest, terms[i] as number);
  if (!Number.isFinite(largest)) return largest;
  let sum = 0;
  for (let i = 0; i < terms.length; i++) sum += computeExp((terms[i] as number) - largest);
  return largest + computeLog(sum);
}
