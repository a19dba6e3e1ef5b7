import { type Pin, PROOF_WINDOW } from '@ogong/chain/registry/pins';

/** Epochs of an accepted pin as its provider sees them. */
export type PinState =
  /** The first epoch has not begun, the last window is over, or the present epoch is proven. */
  | { readonly kind: 'waiting' }
  /** No epoch is left to prove. */
  | { readonly kind: 'over' }
  | {
      readonly kind: 'due';
      readonly epoch: number;
      /** The epoch's first block. Its hash is the seed. */
      readonly seedBlock: bigint;
    };

/** Finds the epoch that a proof in the next block would be for. @param head number of the newest block. */
export function findDueEpoch({ start, epochs, epochBlocks, provenUntil }: Pin, head: bigint): PinState {
  if (start === undefined || head < start) return { kind: 'waiting' };
  const elapsed = head - start;
  const length = BigInt(epochBlocks);
  const epoch = Number(elapsed / length);
  if (epoch >= epochs || provenUntil >= epochs) return { kind: 'over' };
  const isOpen = elapsed % length < BigInt(Math.min(epochBlocks, PROOF_WINDOW));
  if (!isOpen || epoch < provenUntil) return { kind: 'waiting' };
  return { kind: 'due', epoch, seedBlock: start + BigInt(epoch) * length };
}
