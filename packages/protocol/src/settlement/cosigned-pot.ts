/** Seconds of the periods of pots: days since 1970. */
export const POT_SECONDS = 86_400n;

/** What those share who signed the batches of one day, under one roster (docs/spec/settlement.md). */
export interface CosignedPot {
  /** Atomic units that nobody has claimed yet. */
  readonly amount: bigint;
  /** Signatures of those who have not claimed yet. */
  readonly signatures: bigint;
}

/**
 * Of the validators' part of a batch, what goes into the pot: half, rounded down. The validator that handled the batch keeps the rest.
 * @param hasRoster whether a roster is in force, which says who signed: without one nothing goes there.
 * @internal the contract pays by it; the simulator and the tests' book do as well
 */
export const computeCosignedPart = (validatorAtomic: bigint, hasRoster: boolean): bigint =>
  hasRoster ? validatorAtomic / 2n : 0n;

/**
 * One member's claim. Rounded down of what is left, so that the last one has what rounding left, and the pot is empty then.
 * @internal the contract pays by it
 */
export function takeFromPot(
  { amount, signatures }: CosignedPot,
  own: bigint,
): { readonly part: bigint; readonly left: CosignedPot } {
  const part = own === 0n ? 0n : (amount * own) / signatures;
  return { part, left: { amount: amount - part, signatures: signatures - own } };
}
