/**
 * The scale of a reputation: parts per million. A reputation predicts a provider's next reply from its history. It is an
 * integer, so all routers with the same data compute the same routing weight.
 */
export const PPM = 1_000_000;

/** The history of one key in the periods in which its failures count (docs/spec/match.md). */
export interface ProviderHistory {
  /** Held earnings of the key, which an ejection takes. */
  readonly heldAtomic: bigint;
  /** Fees of its replies that were paid. */
  readonly paidAtomic: bigint;
  /** The sum of the squares of these fees. */
  readonly paidSquares: bigint;
  /** Number of replies that were rejected, or admitted and never delivered. */
  readonly failures: number;
  readonly ejected: boolean;
}

/** The usual fee of a reply on a network without an entrance: 0.001 tokens. */
const USUAL_FEE_ATOMIC = 10n ** 15n;

/**
 * Computes Laplace's rule of succession by value: (H + u) / (H + f max(u, m) + 2 u), floored to ppm. H are the key's held
 * earnings, f its failures, m the mean of its fees by value, and u the entrance. A new key starts at one half. Any number of
 * cheap replies changes next to nothing, neither H nor m. The weight of a failure follows from the replies by which the key
 * earns. An ejected provider has reputation 0.
 * @param entranceAtomic 0 if the network has none.
 * @returns 0..999,999.
 * @throws RangeError on a negative or fractional quantity.
 */
export function computeReputationPpm(history: ProviderHistory, entranceAtomic: bigint): number {
  const { heldAtomic, paidAtomic, paidSquares, failures, ejected } = history;
  if (!Number.isSafeInteger(failures) || failures < 0) throw new RangeError(`not a count: ${failures}`);
  for (const amount of [heldAtomic, paidAtomic, paidSquares, entranceAtomic]) {
    if (amount < 0n) throw new RangeError(`not an amount: ${amount}`);
  }
  if (ejected) return 0;
  const unit = entranceAtomic === 0n ? USUAL_FEE_ATOMIC : entranceAtomic;
  const mean = paidAtomic === 0n ? 0n : paidSquares / paidAtomic;
  const failed = BigInt(failures) * (mean > unit ? mean : unit);
  return Number(((heldAtomic + unit) * BigInt(PPM)) / (heldAtomic + failed + 2n * unit));
}
