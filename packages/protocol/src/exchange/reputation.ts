/**
 * What a provider's history says about its next reply, in parts per million. An integer, so that every router computes
 * the same routing weight from the same verdict log.
 */
export const PPM = 1_000_000;

export interface ProviderHistory {
  readonly accepts: number;
  readonly rejects: number;
  /** Replies that were admitted and never delivered. */
  readonly abandoned: number;
  readonly ejected: boolean;
}

export const EMPTY_HISTORY: ProviderHistory = { accepts: 0, rejects: 0, abandoned: 0, ejected: false };

/**
 * Laplace's rule of succession without decay: (accepts + 1) / (accepts + rejects + abandoned + 2), floored to ppm. A new
 * identity starts at one half and earns the rest, so rejoining after an ejection has a cost. An ejected provider has no
 * reputation.
 * @returns 0..999,999.
 * @throws RangeError on a negative or fractional count.
 */
export function computeReputationPpm({ accepts, rejects, abandoned, ejected }: ProviderHistory): number {
  for (const count of [accepts, rejects, abandoned]) {
    if (!Number.isSafeInteger(count) || count < 0) throw new RangeError(`not a count: ${count}`);
  }
  if (ejected) return 0;
  const trials = BigInt(accepts) + BigInt(rejects) + BigInt(abandoned) + 2n;
  return Number(((BigInt(accepts) + 1n) * BigInt(PPM)) / trials);
}
