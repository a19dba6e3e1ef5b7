import { type Pin, PROOF_WINDOW } from '@ogong/chain/registry/pins';

/** Epochs of an accepted pin as its provider sees them. */
export type PinState =
  /** Nothing is to prove before block `until`. */
  | { readonly kind: 'waiting'; readonly until: bigint }
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
  // The chain can replace the block of `accept`, and the payer then cancels.
  if (epochs === 0) return { kind: 'over' };
  if (start === undefined || head < start) return { kind: 'waiting', until: start ?? head + 1n };
  const elapsed = head - start;
  const length = BigInt(epochBlocks);
  const epoch = Number(elapsed / length);
  if (epoch >= epochs || provenUntil >= epochs) return { kind: 'over' };
  const isOpen = elapsed % length < BigInt(Math.min(epochBlocks, PROOF_WINDOW));
  const seedBlock = start + BigInt(epoch) * length;
  if (!isOpen || epoch < provenUntil) return { kind: 'waiting', until: seedBlock + length };
  return { kind: 'due', epoch, seedBlock };
}

/**
 * Counts the epochs that no proof in the next block or later can be for and that have none, returned or not. It is the contract's count.
 * @param head number of the newest block.
 */
export function countMissed({ start, epochs, epochBlocks, proven, provenUntil }: Pin, head: bigint): number {
  if (start === undefined || head < start) return 0;
  const [elapsed, length] = [head - start, BigInt(epochBlocks)];
  const isClosed = elapsed % length >= BigInt(Math.min(epochBlocks, PROOF_WINDOW));
  const over = Math.min(Number(elapsed / length) + Number(isClosed), epochs);
  return over - proven + Number(provenUntil > over);
}
