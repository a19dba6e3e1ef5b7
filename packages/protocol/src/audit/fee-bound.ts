/**
 * How much of what a key holds one order may cost, besides the entrance. A forged reply of fee p gains nothing where it is always
 * audited and H >= p (1 - s) / s; with s as the network counts on it (SOUNDNESS_PPM), that is p <= 2.2 H.
 */
const HELD_MULTIPLE = 2n;

/**
 * The largest maximum fee of an order at a key. The entrance is what the key never gets of its first earnings, so a new key that
 * forges one reply of that size gains nothing even if nobody finds it.
 * @returns atomic units; undefined on a network without an entrance, which has no bound.
 */
export function computeFeeBound({
  heldAtomic,
  entranceAtomic,
}: {
  readonly heldAtomic: bigint;
  readonly entranceAtomic: bigint;
}): bigint | undefined {
  return entranceAtomic === 0n ? undefined : entranceAtomic + HELD_MULTIPLE * heldAtomic;
}
