/**
 * What a provider's history says about its next reply, in parts per million. An integer, so that every router that has read the
 * same computes the same routing weight.
 */
export const PPM = 1_000_000;

/** What one key has shown in the periods in which its failures count (docs/spec/match.md). */
export interface ProviderHistory {
  /** What the key holds, and an ejection takes. */
  readonly heldAtomic: bigint;
  /** Fees of its replies that were paid. */
  readonly paidAtomic: bigint;
  /** The sum of the squares of these fees. */
  readonly paidSquares: bigint;
  /** Replies that were rejected, or admitted and never delivered. */
  readonly failures: number;
  readonly ejected: boolean;
}

/** What a reply may cost, where the network has no entrance that says so: 0.001 tokens. */
const USUAL_FEE_ATOMIC = 10n ** 15n;

/**
 * Laplace's rule of succession by value: (H + u) / (H + f max(u, m) + 2 u), floored to ppm, with H what the key holds, f its failures,
 * m the mean of its fees by value, and u the entrance. A new key starts at one half. Replies that cost little change next to nothing,
 * neither H nor m, however many they are; what a failure weighs follows from the replies by which the key earns. An ejected provider
 * has no reputation.
 * @param entranceAtomic 0 where the network has none.
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
