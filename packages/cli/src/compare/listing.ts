/** The likeliest next tokens of a model: bytes of the token in hexadecimal, to nats. */
export type Listing = ReadonlyMap<string, number>;

/** Distance of two lists without a common token, and the most that one token adds. */
export const FARTHEST = 8;

/**
 * How far two lists of likely tokens are from each other: the mean of |difference of log-probabilities|, in nats, 0..FARTHEST. A token that
 * one list leaves out counts by its distance above that list's least likely token, and not at all below it. A list says nothing about
 * tokens that it does not show.
 * @returns undefined if either list is empty.
 */
export function computeListDistance(a: Listing, b: Listing): number | undefined {
  if (a.size === 0 || b.size === 0) return undefined;
  let sum = 0;
  let counted = 0;
  const count = (distance: number): void => {
    sum += Math.min(FARTHEST, distance);
    counted++;
  };
  const leastOf = (list: Listing): number => Math.min(...list.values());
  for (const [mine, other] of [
    [a, b],
    [b, a],
  ] as const) {
    const least = leastOf(other);
    for (const [token, logprob] of mine) {
      const theirs = other.get(token);
      if (theirs === undefined) {
        if (logprob > least) count(logprob - least);
      } else if (mine === a) count(Math.abs(logprob - theirs));
    }
  }
  return counted === 0 ? FARTHEST : sum / counted;
}

/**
 * Of a reply: the mean over the positions that all parties have listed.
 * @returns undefined if there is no such position.
 */
export function computeReplyDistance(
  a: readonly (Listing | undefined)[],
  b: readonly (Listing | undefined)[],
  positions: readonly number[],
): number | undefined {
  const each = positions.map((at) => {
    const [one, two] = [a[at], b[at]];
    return one === undefined || two === undefined ? undefined : computeListDistance(one, two);
  });
  const known = each.filter((distance) => distance !== undefined);
  return known.length === 0 ? undefined : known.reduce((sum, distance) => sum + distance, 0) / known.length;
}
