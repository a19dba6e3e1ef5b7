const view = new DataView(new ArrayBuffer(8));
const FRACTION_BITS = 52;
const STATISTIC_BITS = 16;

/**
 * Rounds to the nearest number with so many bits of fraction, halves away from zero. The error is at most 2^-(bits + 1) of the
 * value, unless the value is so small (2^-1022) that it has fewer bits itself. Monotone.
 * @param bits 1..51.
 * @throws RangeError if the value is not finite.
 */
export function roundToBits(value: number, bits: number): number {
  return cut(value, bits, 1n << BigInt(FRACTION_BITS - bits - 1));
}

/** Rounds up to the least number with so many bits of fraction that is not below the value. */
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

/** Rounds held-out statistics, never down. So a p-value by their ranks is never too small. */
export function roundStatistics(statistics: readonly number[]): number[] {
  return statistics.map((value) => roundUpToBits(value, STATISTIC_BITS));
}
