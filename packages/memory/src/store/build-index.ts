import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Work } from '@ogong/host/store/work';
import type { WorkStore } from '@ogong/host/store/work-store';
import type { IndexState } from '../index/index-cache.ts';
import { createMemoryIndex, type MemoryIndex } from '../index/memory-index.ts';
import { listAfter, listChanged, listMemoryIds, openEntry } from './memory-rows.ts';
import type { SealedEntryRow } from './memory-schema.ts';
import { MemoryStoreError } from './memory-store-error.ts';
import type { OpenUser } from './users.ts';

/** Memories that are opened in one turn of the event loop, about 10 ms. */
export const OPENED_AT_ONCE = 100;

export interface IndexSource {
  readonly works: WorkStore;
  readonly find: () => Work<OpenUser | undefined>;
  /** Largest size of an index. */
  readonly maxBytes: number;
}

/**
 * Opens all memories of a user into an index, with other work in between. Changes that come meanwhile may be in it or not, so they are
 * applied afterwards.
 * @throws MemoryStoreError `full` above `maxBytes`, `damaged`
 */
export async function buildIndex(source: IndexSource): Promise<IndexState & { readonly index: MemoryIndex }> {
  const index = createMemoryIndex();
  try {
    const user = await source.works.read(source.find);
    if (user === undefined) return { index, userId: '', revision: -1 };
    await putAll(source, { index, user }, (last) => listAfter(user.userId, last?.id ?? '', OPENED_AT_ONCE));
    return { index, userId: user.userId, revision: user.revision };
  } catch (error) {
    index.close();
    throw error;
  }
}

/**
 * Brings an index up to date with the changes of other processes.
 * @returns the new state; undefined if the user is another one. @throws MemoryStoreError `full`, `damaged`
 */
export async function updateIndex(
  source: IndexSource,
  index: MemoryIndex,
  { userId, revision }: IndexState,
): Promise<IndexState | undefined> {
  const user = await source.works.read(source.find);
  if (user?.userId !== userId) return undefined;
  await putAll(source, { index, user }, (last) => {
    // Each id is greater than an empty one.
    const from = { revision: last?.revision ?? revision + 1, lastId: last?.id ?? '' };
    return listChanged(userId, from, OPENED_AT_ONCE);
  });
  // Each memory of the user is in the index now, so others in it were removed.
  if (index.count() !== user.memories) index.retain(await source.works.read(() => listMemoryIds(userId)));
  return { userId, revision: user.revision };
}

async function putAll(
  { works, maxBytes }: IndexSource,
  { index, user }: { readonly index: MemoryIndex; readonly user: OpenUser },
  list: (last: SealedEntryRow | undefined) => Work<SealedEntryRow[]>,
): Promise<void> {
  for (let last: SealedEntryRow | undefined; ; await nextTurn()) {
    const before = last;
    const rows = await works.read(() => list(before));
    index.put(rows.map((row) => openEntry(user, row)));
    if (index.readSizeBytes() > maxBytes)
      throw new MemoryStoreError('full', `the index of one user needs more than ${maxBytes} bytes of memory`);
    if (rows.length < OPENED_AT_ONCE) return;
    last = rows.at(-1);
  }
}
