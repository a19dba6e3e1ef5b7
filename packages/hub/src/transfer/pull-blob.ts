import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { BLOCK_BYTES } from '../block-size.ts';
import type { ManifestFile } from '../manifest.ts';
import type { BlobId, HubBlobStore } from '../store/blob-store.ts';
import type { BlockSource } from './block-source.ts';
import { fetchBlocks } from './fetch-blocks.ts';
import { fetchBlockList } from './fetch-list.ts';
import { PULL_LIMITS } from './pull.ts';
import { createSourcePool } from './source-pool.ts';

export interface PullBlobOptions {
  readonly id: BlobId;
  /** 1..2^40. */
  readonly sizeBytes: number;
  /** Places that name files by their block roots. */
  readonly sources: readonly BlockSource[];
  readonly store: HubBlobStore;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Brings one blob into a store without a manifest. Every block is checked when it arrives. A pull that ends early continues from its
 * blocks. The content may be of any format, so nothing may open it.
 * @throws TransferError, HubBlobError
 */
export async function pullBlob({ id, sizeBytes, sources, store, signal }: PullBlobOptions): Promise<void> {
  if (await store.has(id)) return;
  const root = fromHex(id);
  const file: ManifestFile = {
    // Sources of this kind read neither the hash nor the format.
    ...{ path: id, sizeBytes, blockRoot: root, sha256: root, format: 'text', isWeight: false },
  };
  const pool = createSourcePool(sources, PULL_LIMITS);
  const hashes = await fetchBlockList(file, { pool, timeoutMs: PULL_LIMITS.idleMs, signal });
  const from = await store.begun(id);
  const blocks = fetchBlocks({ file, hashes, first: from / BLOCK_BYTES, pool, limits: PULL_LIMITS, signal });
  await store.put(blocks, { bytes: sizeBytes, id, resume: { key: id, from }, knownHashes: hashes, signal });
}

/** A place of the hub behind an address: blobs and lists by their ids. */
export const urlsOfPlace = (place: string) => {
  const base = place.endsWith('/') ? place : `${place}/`;
  return {
    urlOf: ({ blockRoot }: ManifestFile): string => `${base}blobs/${toHex(blockRoot)}`,
    listUrlOf: ({ blockRoot }: ManifestFile): string => `${base}lists/${toHex(blockRoot)}`,
  };
};
