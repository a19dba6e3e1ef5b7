import type { Crypto } from './crypto.ts';
import { hashNode } from './merkle.ts';

/** The tree of merkle.ts with all its nodes, for many proofs of one tree. */
export interface MerkleLevels {
  readonly root: Uint8Array;
  /** Returns the siblings of a leaf, from the leaf up. @throws RangeError if there is no such leaf. */
  prove(index: number): Uint8Array[];
}

/**
 * Computes the nodes of the tree. A level pairs the nodes below it, and its last node goes up alone if their number is odd. The split
 * of RFC 6962 at the largest power of two gives the same tree.
 * @param leaves leaf hashes, 32 bytes each, at least one.
 */
export function createMerkleLevels(crypto: Pick<Crypto, 'sha256'>, leaves: readonly Uint8Array[]): MerkleLevels {
  if (leaves.length === 0) throw new RangeError('a tree of no leaves proves nothing');
  const levels = [leaves];
  for (let below = leaves; below.length > 1; ) {
    const level: Uint8Array[] = [];
    for (let i = 0; i + 1 < below.length; i += 2)
      level.push(hashNode(crypto, below[i] as Uint8Array, below[i + 1] as Uint8Array));
    if (below.length % 2 === 1) level.push(below.at(-1) as Uint8Array);
    levels.push(level);
    below = level;
  }
  return {
    root: levels.at(-1)?.[0] as Uint8Array,
    prove(index) {
      if (!Number.isInteger(index) || index < 0 || index >= leaves.length) throw new RangeError(`no leaf ${index}`);
      const path: Uint8Array[] = [];
      for (let height = 0, at = index; height < levels.length - 1; height++, at >>>= 1) {
        const sibling = levels[height]?.[at ^ 1];
        if (sibling !== undefined) path.push(sibling);
      }
      return path;
    },
  };
}
