import { CHUNK_BYTES, PIN_DRAWS } from '@ogong/hub/pin-tree';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { hashLeaf, verifyInclusion } from '@ogong/protocol/crypto/merkle';

export interface PinCheck {
  /** The drawn chunks, in the order of the draws. */
  readonly indices: readonly number[];
  /** Root of the pin's tree, 32 bytes. */
  readonly root: Uint8Array;
  /** The blob has 2^levels chunks, so all paths have this length. */
  readonly levels: number;
}

/** Returns the bytes of one draw in a proof: the chunk and its path. */
export const sizeOfDraw = (levels: number): number => CHUNK_BYTES + 32 * levels;

/** Checks a proof as the contract does. */
export function isPinProof(crypto: Crypto, proof: Uint8Array, { indices, root, levels }: PinCheck): boolean {
  const size = sizeOfDraw(levels);
  const isShown = (index: number, draw: number): boolean => {
    const part = proof.subarray(draw * size, (draw + 1) * size);
    const path = Array.from({ length: levels }, (_, i) => part.slice(CHUNK_BYTES + 32 * i, CHUNK_BYTES + 32 * (i + 1)));
    const leaf = hashLeaf(crypto, part.subarray(0, CHUNK_BYTES));
    return verifyInclusion(crypto, { leaf, index, size: 2 ** levels, proof: path, root });
  };
  return indices.length === PIN_DRAWS && proof.length === PIN_DRAWS * size && indices.every(isShown);
}
