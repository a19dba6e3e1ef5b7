import type { Pin } from '@ogong/chain/registry/pins';

const GIB = 2n ** 30n;

/** Terms under which a storage provider accepts pins. */
export interface PinTerms {
  /** Least fee of an epoch for each GiB of a blob, atomic units. */
  readonly pricePerGib: bigint;
  /** Least fee of an epoch, atomic units. It has to pay the gas of a proof. */
  readonly leastFee: bigint;
  /** The longest epoch, in blocks: the price is that of one epoch. */
  readonly maxEpochBlocks: number;
  /** Bytes of all pinned blobs together at most. */
  readonly roomBytes: number;
}

/** Computes the least fee of an epoch, atomic units, rounded up. */
export const computeLeastFee = ({ pricePerGib, leastFee }: PinTerms, sizeBytes: number): bigint => {
  const price = (pricePerGib * BigInt(sizeBytes) + GIB - 1n) / GIB;
  return price > leastFee ? price : leastFee;
};

/**
 * Reviews an offer before anything is fetched.
 * @param pinnedBytes of all blobs that are pinned by now.
 * @returns the reason for a refusal, or undefined.
 */
export function refuseOffer(terms: PinTerms, offer: Pin, pinnedBytes: number): string | undefined {
  if (offer.epochs === 0) return 'the payer cancelled it';
  if (offer.epochBlocks > terms.maxEpochBlocks)
    return `an epoch of ${offer.epochBlocks} blocks; ${terms.maxEpochBlocks} at most`;
  const least = computeLeastFee(terms, offer.sizeBytes);
  if (offer.feePerEpoch < least) return `a fee of ${offer.feePerEpoch} for an epoch; ${least} at least`;
  if (pinnedBytes + offer.sizeBytes > terms.roomBytes)
    return `${offer.sizeBytes} bytes; ${terms.roomBytes - pinnedBytes} are free for pins`;
  return undefined;
}
