import { PPM } from '../exchange/reputation.ts';

/** The growth of the largest order for a key. It is fixed for good when a network is created. */
export interface Ramp {
  /** The first earnings of a key, which it never gets. 0 if the network has no bound. */
  readonly entranceAtomic: bigint;
  /**
   * The largest fee of one order above the entrance, in ppm of the key's held earnings; at most 2,000,000. A forged reply of
   * fee p gains nothing if it is always audited and H >= p (1 - s) / s. With s as the network assumes it (SOUNDNESS_PPM), that
   * is p <= 2.2 H.
   */
  readonly growthPpm: number;
}

/**
 * Computes the largest maximum fee of an order for a key. The key never gets its first earnings, up to the entrance. So a new
 * key that forges one reply of that size gains nothing, even if the forgery is not found.
 * @returns atomic units; undefined on a network without an entrance, which has no bound.
 */
export function computeFeeBound({ entranceAtomic, growthPpm }: Ramp, heldAtomic: bigint): bigint | undefined {
  return entranceAtomic === 0n ? undefined : entranceAtomic + (BigInt(growthPpm) * heldAtomic) / BigInt(PPM);
}
