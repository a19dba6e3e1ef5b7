export interface BackoffLimits {
  /** After the first failure. */
  readonly firstMs: number;
  readonly longestMs: number;
}

/**
 * Computes the pause before another try. It doubles with every failure up to the limit. A random factor between a half and one
 * shortens it, so that clients of one peer do not all return at the same moment.
 * @param failures so far, from 0.
 * @param random 0..1, sets the factor; 1 keeps the whole pause.
 * @returns whole milliseconds, rounded up.
 */
export function computeBackoff(
  { firstMs, longestMs }: BackoffLimits,
  { failures, random = 1 }: { readonly failures: number; readonly random?: number },
): number {
  const pauseMs = Math.min(longestMs, firstMs * 2 ** Math.min(failures, 30));
  return Math.ceil(pauseMs * (0.5 + random / 2));
}
