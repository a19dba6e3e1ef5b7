/** Parts of a budget for the pins of several files. */
export interface SharedBudget {
  /** Fees of one epoch of all files together, atomic units. */
  readonly feePerEpoch: bigint;
  /** Least fee of one epoch of a file, atomic units: it has to pay the gas of a proof. */
  readonly leastFee: bigint;
}

/**
 * Shares the fee of an epoch over files by their sizes. A file whose share is below the least fee gets the least fee.
 * @param sizes bytes of each file, above 0.
 * @returns fees in the order of the sizes, atomic units; their sum is the whole fee. Undefined if it is less than the least fees of all files.
 */
export function shareBudget(
  sizes: readonly number[],
  { feePerEpoch, leastFee }: SharedBudget,
): readonly bigint[] | undefined {
  if (feePerEpoch < leastFee * BigInt(sizes.length)) return undefined;
  const fees = new Array<bigint>(sizes.length).fill(0n);
  let rest = feePerEpoch;
  let restBytes = sizes.reduce((sum, size) => sum + BigInt(size), 0n);
  // Small files first: after them, no share of a larger file is below the least fee.
  const ascending = [...sizes.entries()].sort(([, a], [, b]) => a - b);
  for (const [index, size] of ascending) {
    const share = (rest * BigInt(size)) / restBytes;
    const fee = share > leastFee ? share : leastFee;
    fees[index] = fee;
    rest -= fee;
    restBytes -= BigInt(size);
  }
  return fees;
}
