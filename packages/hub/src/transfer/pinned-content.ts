import { toHex } from '@ogong/protocol/base/bytes';
import { computeBlockRoot, cutBlocks, hashBlock } from '../blocks.ts';
import type { ManifestFile } from '../manifest.ts';
import { computePinTree } from '../pin-tree.ts';
import { HubBlobError, type HubBlobStore } from '../store/blob-store.ts';
import type { BlockSource } from './block-source.ts';
import { fetchBlocks } from './fetch-blocks.ts';
import { fetchBlockList } from './fetch-list.ts';
import { PULL_LIMITS } from './pull.ts';
import { createSourcePool } from './source-pool.ts';

/** Content of the offer of a pin. */
export interface PinnedContent {
  /** Id of the blob, 32 bytes. */
  readonly blob: Uint8Array;
  /** Root of the tree over its chunks, 32 bytes. */
  readonly pinRoot: Uint8Array;
  readonly sizeBytes: number;
}

/** Computes both roots of a stream in one reading. @param stream at least one byte. */
export async function computePinnedContent(stream: AsyncIterable<Uint8Array>): Promise<PinnedContent> {
  const hashes: Uint8Array[] = [];
  const watched = async function* (): AsyncGenerator<Uint8Array> {
    for await (const block of cutBlocks(stream)) {
      hashes.push(hashBlock(block));
      yield block;
    }
  };
  const { sizeBytes, pinRoot } = await computePinTree(watched());
  return { blob: computeBlockRoot(hashes), pinRoot, sizeBytes };
}

export interface PinnedContentOptions {
  /** Asked first. */
  readonly store: Pick<HubBlobStore, 'has' | 'get'>;
  readonly sources: readonly BlockSource[];
  readonly signal?: AbortSignal | undefined;
}

/**
 * Computes the content of a pin of a model's file. A file that the store does not have comes from the sources, and nothing of it is kept.
 * @throws TransferError; HubBlobError `wrong-content` if the store's file is damaged.
 */
export async function readPinnedContent(
  file: ManifestFile,
  { store, sources, signal }: PinnedContentOptions,
): Promise<PinnedContent> {
  const id = toHex(file.blockRoot);
  const isHere = await store.has(id);
  const content = await computePinnedContent(
    isHere ? store.get(id, undefined, signal) : fetchFile(file, { sources, signal }),
  );
  if (toHex(content.blob) === id) return content;
  throw new HubBlobError('wrong-content', `${file.path} is damaged; remove the blob ${id} and pull the model again`);
}

async function* fetchFile(
  file: ManifestFile,
  { sources, signal }: Pick<PinnedContentOptions, 'sources' | 'signal'>,
): AsyncGenerator<Uint8Array> {
  const pool = createSourcePool(sources, PULL_LIMITS);
  const hashes = await fetchBlockList(file, { pool, timeoutMs: PULL_LIMITS.idleMs, signal });
  yield* fetchBlocks({ file, hashes, first: 0, pool, limits: PULL_LIMITS, signal });
}
