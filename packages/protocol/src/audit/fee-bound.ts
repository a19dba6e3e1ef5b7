import { PPM } from '../exchange/reputation.ts';

/** How fast what a key may be paid at once grows. Fixed for good when a network is created. */
export interface Ramp {
  /** What the key never gets of its first earnings. 0 where the network has no bound. */
  readonly entranceAtomic: bigint;
  /**
   * How much of what a key holds one order may cost besides, ppm; at most 2,000,000. A forged reply of fee p gains nothing where it is always
   * audited and H >= p (1 - s) / s; with s as the network counts on it (SOUNDNESS_PPM), that is p <= 2.2 H.
   */
  readonly growthPpm: number;
}

/**
 * The largest maximum fee of an order at a key. The entrance is what the key never gets of its first earnings, so a new key that
 * forges one reply of that size gains nothing even if nobody finds it.
 * @returns atomic units; undefined on a network without an entrance, which has no bound.
 */
export function computeFeeBound({ entranceAtomic, growthPpm }: Ramp, heldAtomic: bigint): bigint | undefined {
  return entranceAtomic === 0n ? undefined : entranceAtomic + (BigInt(growthPpm) * heldAtomic) / BigInt(PPM);
}
