/**
 * Seconds of the periods of pots: days since 1970.
 * @internal tests hold the contract's periods against it
 */
export const POT_SECONDS = 86_400n;

/** What those share who signed the batches of one day, under one roster (docs/spec/settlement.md). */
export interface CosignedPot {
  /** Atomic units that nobody has claimed yet. */
  readonly amount: bigint;
  /** For each batch, the votes behind the signatures of those who have not claimed yet. */
  readonly weight: bigint;
}

/**
 * Of the validators' part of a batch, what is theirs who signed: half, rounded down. The validator that handled the batch keeps the rest. Where
 * no roster in force says who signed, that half is the verification recipient's.
 * @internal the contract pays by it; the simulator and the tests' book do as well
 */
export function splitJudged(validatorAtomic: bigint): { readonly handler: bigint; readonly others: bigint } {
  const others = validatorAtomic / 2n;
  return { handler: validatorAtomic - others, others };
}

/**
 * One member's claim. Rounded down of what is left, so that the last one has what rounding left, and the pot is empty then.
 * @param own of the weight: the member's vote in that roster, once for each batch that it signed.
 * @internal the contract pays by it
 */
export function takeFromPot(
  { amount, weight }: CosignedPot,
  own: bigint,
): { readonly part: bigint; readonly left: CosignedPot } {
  const part = own === 0n ? 0n : (amount * own) / weight;
  return { part, left: { amount: amount - part, weight: weight - own } };
}
