import { equalBytes } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { createMerkleLevels } from '@ogong/protocol/crypto/merkle-levels';
import { BLOCK_BYTES } from '../block-size.ts';
import { sizeOfBlock } from '../blocks.ts';
import {
  CHUNK_BYTES,
  CHUNKS_PER_BLOCK,
  countChunks,
  drawChunks,
  hashChunks,
  type PinDraw,
  type PinTree,
} from '../pin-tree.ts';
import { nodeSha256 } from '../sha256.ts';
import { type BlobId, HubBlobError, type HubBlobStore } from './blob-store.ts';

/**
 * Reads the drawn chunks and proves them. Each block that holds one is read once and checked against its node.
 * @returns for each draw its chunk and the siblings from the leaf up to the root.
 * @throws HubBlobError `wrong-content` for a damaged block, or the error of the store.
 */
export async function makePinProof(
  crypto: Pick<Crypto, 'keccak256'>,
  { store, id, tree }: { readonly store: Pick<HubBlobStore, 'get'>; readonly id: BlobId; readonly tree: PinTree },
  draw: PinDraw,
): Promise<Uint8Array> {
  const { sizeBytes, blockNodes } = tree;
  const indices = drawChunks(crypto, draw, countChunks(sizeBytes));
  const above = createMerkleLevels(nodeSha256, blockNodes);
  const parts = new Map<number, Uint8Array>();
  for (const at of new Set(indices.map((index) => Math.floor(index / CHUNKS_PER_BLOCK)))) {
    const block = await readBlock(store, id, { at, sizeBytes });
    const within = hashChunks(block);
    if (!equalBytes(within.root, blockNodes[at] as Uint8Array))
      throw new HubBlobError('wrong-content', `block ${at} of ${id} is damaged; remove the blob and fetch it again`);
    for (const index of indices) {
      const chunk = index - at * CHUNKS_PER_BLOCK;
      if (chunk < 0 || chunk >= CHUNKS_PER_BLOCK) continue;
      const bytes = block.subarray(chunk * CHUNK_BYTES, (chunk + 1) * CHUNK_BYTES);
      parts.set(index, Buffer.concat([bytes, ...within.prove(chunk), ...above.prove(at)]));
    }
  }
  return Buffer.concat(indices.map((index) => parts.get(index) as Uint8Array));
}

async function readBlock(
  store: Pick<HubBlobStore, 'get'>,
  id: BlobId,
  { at, sizeBytes }: { readonly at: number; readonly sizeBytes: number },
): Promise<Uint8Array> {
  const from = at * BLOCK_BYTES;
  const pieces: Uint8Array[] = [];
  for await (const piece of store.get(id, { from, to: from + sizeOfBlock(sizeBytes, at) })) pieces.push(piece);
  return Buffer.concat(pieces);
}
