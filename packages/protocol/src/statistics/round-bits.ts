const view = new DataView(new ArrayBuffer(8));
const FRACTION_BITS = 52;
const STATISTIC_BITS = 16;

/**
 * The nearest number with so many bits of fraction, halves away from zero; never further off than 2^-(bits + 1) of the
 * value, unless it is so small (2^-1022) that it has fewer itself. Monotone.
 * @param bits 1..51. @throws RangeError where the value is not finite.
 */
export function roundToBits(value: number, bits: number): number {
  return cut(value, bits, 1n << BigInt(FRACTION_BITS - bits - 1));
}

/** The least number with so many bits of fraction that is not below the value. */
export function roundUpToBits(value: number, bits: number): number {
  return cut(value, bits, value > 0 ? (1n << BigInt(FRACTION_BITS - bits)) - 1n : 0n);
}

function cut(value: number, bits: number, add: bigint): number {
  if (!Number.isFinite(value)) throw new RangeError(`no number: ${value}`);
  if (value === 0) return 0;
  view.setFloat64(0, value);
  const dropped = BigInt(FRACTION_BITS - bits);
  view.setBigUint64(0, ((view.getBigUint64(0) + add) >> dropped) << dropped);
  // Never minus zero, which no table writes.
  return view.getFloat64(0) + 0;
}

/** Held-out statistics, never smaller than they were: a p-value by their ranks is never too small. */
export function roundStatistics(statistics: readonly number[]): number[] {
  return statistics.map((value) => roundUpToBits(value, STATISTIC_BITS));
}
