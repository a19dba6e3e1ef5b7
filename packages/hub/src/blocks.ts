import { equalBytes, ProtocolError } from '@ogong/protocol/base/bytes';
import { hashLeaf, MAX_TREE_LEAVES } from '@ogong/protocol/crypto/merkle';
import { createMerkleLevels } from '@ogong/protocol/crypto/merkle-levels';
import { BLOCK_BYTES } from './block-size.ts';
import { nodeSha256 } from './sha256.ts';

const HASH_BYTES = 32;

/** Size of a file, and the root of the tree over its blocks (docs/spec/hub.md#blocks). */
export interface BlockTree {
  /** 1..MAX_FILE_BYTES. */
  readonly sizeBytes: number;
  /** 32 bytes. */
  readonly blockRoot: Uint8Array;
}

export const countBlocks = (sizeBytes: number): number => Math.ceil(sizeBytes / BLOCK_BYTES);

/** Returns the bytes of a block: full, but for the last one. */
export const sizeOfBlock = (sizeBytes: number, index: number): number =>
  Math.min(BLOCK_BYTES, sizeBytes - index * BLOCK_BYTES);

/** Hashes a block as a leaf of its tree, 32 bytes. */
export const hashBlock = (block: Uint8Array): Uint8Array => hashLeaf(nodeSha256, block);

/** Computes the root. @param hashes of all blocks in their order, at least one. */
export const computeBlockRoot = (hashes: readonly Uint8Array[]): Uint8Array =>
  createMerkleLevels(nodeSha256, hashes).root;

/** Encodes a list of block hashes: 32 bytes for each, in the order of the blocks. */
export const encodeBlockList = (hashes: readonly Uint8Array[]): Uint8Array => Buffer.concat(hashes);

/**
 * Parses a list of block hashes and checks it against the root of the file. The size is checked before anything is hashed.
 * @returns 32 bytes for each block.
 * @throws ProtocolError `malformed` for a list of another size or of another file.
 */
export function parseBlockList(list: Uint8Array, { sizeBytes, blockRoot }: BlockTree): readonly Uint8Array[] {
  const count = countBlocks(sizeBytes);
  if (count === 0 || count > MAX_TREE_LEAVES || list.length !== count * HASH_BYTES)
    throw new ProtocolError('malformed', `a list of ${list.length} bytes for ${count} blocks`);
  const hashes = Array.from({ length: count }, (_, i) => list.slice(i * HASH_BYTES, (i + 1) * HASH_BYTES));
  if (!equalBytes(computeBlockRoot(hashes), blockRoot))
    throw new ProtocolError('malformed', 'the list of blocks has another root');
  return hashes;
}

/**
 * Cuts a stream into blocks. A yielded block is valid until the next one is asked for: it lies in a shared buffer or in a piece.
 * @yields full blocks, and a shorter last one if bytes are left over.
 */
export async function* cutBlocks(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let begun: Uint8Array | undefined;
  let held = 0;
  for await (const piece of stream) {
    for (let at = 0; at < piece.length; ) {
      const part = piece.subarray(at, at + BLOCK_BYTES - held);
      if (part.length === BLOCK_BYTES) {
        at += BLOCK_BYTES;
        yield part;
        continue;
      }
      begun ??= new Uint8Array(BLOCK_BYTES);
      begun.set(part, held);
      held += part.length;
      at += part.length;
      if (held < BLOCK_BYTES) continue;
      held = 0;
      yield begun;
    }
  }
  if (begun !== undefined && held > 0) yield begun.subarray(0, held);
}

/**
 * Cuts a stream into blocks, each in a buffer of its own.
 * @param take returns a buffer of a full block.
 */
export async function* fillBlocks(
  stream: AsyncIterable<Uint8Array>,
  take: () => Uint8Array,
): AsyncGenerator<Uint8Array> {
  let begun: Uint8Array | undefined;
  let held = 0;
  for await (const piece of stream) {
    for (let at = 0; at < piece.length; ) {
      begun ??= take();
      const part = piece.subarray(at, at + BLOCK_BYTES - held);
      begun.set(part, held);
      held += part.length;
      at += part.length;
      if (held < BLOCK_BYTES) continue;
      yield begun;
      begun = undefined;
      held = 0;
    }
  }
  if (begun !== undefined) yield begun.subarray(0, held);
}
