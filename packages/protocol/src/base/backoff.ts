export interface BackoffLimits {
  /** After the first failure. */
  readonly firstMs: number;
  readonly longestMs: number;
}

/**
 * The pause before another try: doubles with every failure up to the limit, then is cut by chance to between half and all of
 * it, so that many who wait for one peer do not meet it in the same moment.
 * @param failures so far, from 0. @param random 0..1, for the cut; 1 cuts nothing.
 * @returns whole milliseconds, rounded up.
 */
export function computeBackoff(
  { firstMs, longestMs }: BackoffLimits,
  { failures, random = 1 }: { readonly failures: number; readonly random?: number },
): number {
  const pauseMs = Math.min(longestMs, firstMs * 2 ** Math.min(failures, 30));
  return Math.ceil(pauseMs * (0.5 + random / 2));
}
