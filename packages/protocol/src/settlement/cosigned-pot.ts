/**
 * Seconds of the periods of pots: days since 1970.
 * @internal tests compare the contract's periods with it
 */
export const POT_SECONDS = 86_400n;

/** The pot of the validators that signed the batches of one day, under one roster (docs/spec/settlement.md). */
export interface CosignedPot {
  /** Atomic units that are not claimed yet. */
  readonly amount: bigint;
  /** Sum over batches of the votes behind the signatures of members without a claim so far. */
  readonly weight: bigint;
}

/**
 * Splits the validators' part of a batch. The signers get half, rounded down, and the handling validator keeps the rest. If no
 * valid roster names the signers, that half goes to the verification recipient.
 * @internal the contract pays by it; so do the simulator and the ledger of the tests
 */
export function splitJudged(validatorAtomic: bigint): { readonly handler: bigint; readonly others: bigint } {
  const others = validatorAtomic / 2n;
  return { handler: validatorAtomic - others, others };
}

/**
 * Takes one member's claim from a pot. It is rounded down from the remaining amount. So the last claim takes the rounding
 * residual and leaves the pot empty.
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
