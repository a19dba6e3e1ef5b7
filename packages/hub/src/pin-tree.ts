import { equalBytes, fromHex, ProtocolError } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { hashLeaf } from '@ogong/protocol/crypto/merkle';
import { createMerkleLevels, type MerkleLevels } from '@ogong/protocol/crypto/merkle-levels';
import { BLOCK_BYTES } from './block-size.ts';
import { countBlocks, cutBlocks } from './blocks.ts';
import { nodeSha256 } from './sha256.ts';

/** Bytes of a chunk. The last chunk of a blob may have fewer, and none is empty. */
export const CHUNK_BYTES = 1_024;
/** Chunks that one proof shows. */
export const PIN_DRAWS = 20;

const HASH_BYTES = 32;
export const CHUNKS_PER_BLOCK = BLOCK_BYTES / CHUNK_BYTES;

/** The tree over the chunks of a blob (docs/spec/pins.md#tree), with its nodes over whole blocks. */
export interface PinTree {
  readonly sizeBytes: number;
  /** Root, 32 bytes. */
  readonly pinRoot: Uint8Array;
  /** Root of the tree over the chunks of each block, 32 bytes each. They are nodes of the whole tree. */
  readonly blockNodes: readonly Uint8Array[];
}

export const countChunks = (sizeBytes: number): number => Math.ceil(sizeBytes / CHUNK_BYTES);

/** Computes the tree over the chunks of one block. */
export function hashChunks(block: Uint8Array): MerkleLevels {
  const leaves = Array.from({ length: countChunks(block.length) }, (_, i) =>
    hashLeaf(nodeSha256, block.subarray(i * CHUNK_BYTES, (i + 1) * CHUNK_BYTES)),
  );
  return createMerkleLevels(nodeSha256, leaves);
}

/** Computes the tree of a stream in memory of one block and 32 bytes for each block. @param stream at least one byte. */
export async function computePinTree(stream: AsyncIterable<Uint8Array>): Promise<PinTree> {
  const blockNodes: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const block of cutBlocks(stream)) {
    blockNodes.push(hashChunks(block).root);
    sizeBytes += block.length;
  }
  return { sizeBytes, blockNodes, pinRoot: createMerkleLevels(nodeSha256, blockNodes).root };
}

/** Encodes the nodes over blocks, 32 bytes each, so that a proof needs no reading of the whole blob. */
export const encodePinNodes = ({ blockNodes }: PinTree): Uint8Array => Buffer.concat(blockNodes);

/**
 * Parses the nodes of a tree and checks them against its root.
 * @throws ProtocolError `malformed` for nodes of another blob.
 */
export function parsePinNodes(
  encoded: Uint8Array,
  { sizeBytes, pinRoot }: Pick<PinTree, 'sizeBytes' | 'pinRoot'>,
): PinTree {
  const count = countBlocks(sizeBytes);
  if (count === 0 || encoded.length !== count * HASH_BYTES)
    throw new ProtocolError('malformed', `${encoded.length} bytes of nodes for ${count} blocks`);
  const blockNodes = Array.from({ length: count }, (_, i) => encoded.slice(i * HASH_BYTES, (i + 1) * HASH_BYTES));
  if (!equalBytes(createMerkleLevels(nodeSha256, blockNodes).root, pinRoot))
    throw new ProtocolError('malformed', 'the nodes have another root');
  return { sizeBytes, pinRoot, blockNodes };
}

/** Seed of an epoch and number of a pin: together they draw the chunks of one proof. */
export interface PinDraw {
  /** Hash of the epoch's first block, 32 bytes. */
  readonly seed: Uint8Array;
  readonly pin: bigint;
}

/**
 * Draws chunks independently of each other, so one may be drawn twice.
 * @param count of the blob's chunks.
 * @returns PIN_DRAWS indices in the order of the draws.
 */
export function drawChunks(crypto: Pick<Crypto, 'keccak256'>, { seed, pin }: PinDraw, count: number): number[] {
  const words = new Uint8Array(3 * HASH_BYTES);
  words.set(seed);
  words.set(toWord(pin), HASH_BYTES);
  return Array.from({ length: PIN_DRAWS }, (_, draw) => {
    words.set(toWord(BigInt(draw)), 2 * HASH_BYTES);
    const hash = crypto.keccak256(words);
    return Number(hash.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n) % BigInt(count));
  });
}

/** A number as 32 bytes, big endian. */
const toWord = (value: bigint): Uint8Array => fromHex(value.toString(16).padStart(2 * HASH_BYTES, '0'));

/**
 * Computes the probability that at least one of several proofs fails, because a draw is a lost chunk.
 * @param lost share of the chunks that are lost, 0..1.
 * @internal for the table in docs/hub-pins.md and the test of the draw
 */
export const computeCatchProbability = (lost: number, epochs: number): number => 1 - (1 - lost) ** (PIN_DRAWS * epochs);
