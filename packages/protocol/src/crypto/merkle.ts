import { equalBytes } from '../base/bytes.ts';
import type { Crypto } from './crypto.ts';

/**
 * The leaf prefix of the Merkle tree of RFC 6962 (and RFC 9162) over SHA-256: leaf = H(0x00 || data), node = H(0x01 || left ||
 * right). A tree of n leaves splits at the largest power of two below n. The prefixes prevent that a node passes for a leaf.
 */
const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/** A limit for the hashing of a stranger's proof or tree. */
export const MAX_TREE_LEAVES = 1 << 20;

export function hashLeaf(crypto: Pick<Crypto, 'sha256'>, data: Uint8Array): Uint8Array {
  return crypto.sha256(LEAF, data);
}

export function hashNode(crypto: Pick<Crypto, 'sha256'>, left: Uint8Array, right: Uint8Array): Uint8Array {
  return crypto.sha256(NODE, left, right);
}

function splitPoint(size: number): number {
  return 2 ** Math.floor(Math.log2(size - 1));
}

/** Computes the root. @param leaves leaf hashes (32 bytes each); the root of no leaves is H(""). */
export function computeMerkleRoot(crypto: Crypto, leaves: readonly Uint8Array[]): Uint8Array {
  const root = (from: number, to: number): Uint8Array => {
    if (to - from === 1) return leaves[from] as Uint8Array;
    const middle = from + splitPoint(to - from);
    return hashNode(crypto, root(from, middle), root(middle, to));
  };
  return leaves.length === 0 ? crypto.sha256(new Uint8Array(0)) : root(0, leaves.length);
}

/** Computes the sibling hashes from the leaf up to the root. */
export function computeInclusionProof(crypto: Crypto, leaves: readonly Uint8Array[], index: number): Uint8Array[] {
  if (!Number.isInteger(index) || index < 0 || index >= leaves.length) throw new RangeError(`no leaf ${index}`);
  const path = (from: number, to: number): Uint8Array[] => {
    if (to - from === 1) return [];
    const middle = from + splitPoint(to - from);
    return index < middle
      ? [...path(from, middle), computeMerkleRoot(crypto, leaves.slice(middle, to))]
      : [...path(middle, to), computeMerkleRoot(crypto, leaves.slice(from, middle))];
  };
  return path(0, leaves.length);
}

export interface Inclusion {
  readonly leaf: Uint8Array;
  readonly index: number;
  readonly size: number;
  readonly proof: readonly Uint8Array[];
  readonly root: Uint8Array;
}

/** Verifies a proof by RFC 9162 section 2.1.3.2; false for a proof of the wrong length or shape. */
export function verifyInclusion(crypto: Crypto, { leaf, index, size, proof, root }: Inclusion): boolean {
  if (!Number.isInteger(index) || !Number.isInteger(size) || index < 0 || index >= size || size > MAX_TREE_LEAVES) {
    return false;
  }
  let position = index;
  let last = size - 1;
  let hash = leaf;
  for (const sibling of proof) {
    if (last === 0 || sibling.length !== 32) return false;
    if (position % 2 === 1 || position === last) {
      hash = hashNode(crypto, sibling, hash);
      while (position % 2 === 0 && position !== 0) {
        position = Math.floor(position / 2);
        last = Math.floor(last / 2);
      }
    } else {
      hash = hashNode(crypto, hash, sibling);
    }
    position = Math.floor(position / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && equalBytes(hash, root);
}
