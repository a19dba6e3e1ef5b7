import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Work } from '@ogong/host/store/work';
import type { WorkStore } from '@ogong/host/store/work-store';
import type { IndexState } from '../index/index-cache.ts';
import { createMemoryIndex, type MemoryIndex } from '../index/memory-index.ts';
import { listAfter, openEntry } from './memory-rows.ts';
import { MemoryStoreError } from './memory-store-error.ts';
import type { OpenUser } from './users.ts';

/** Memories that are opened in one turn of the event loop, about 10 ms. */
export const OPENED_AT_ONCE = 100;

/**
 * Opens all memories of a user into an index, with other work in between. Changes that come meanwhile may be in it or not, so they are
 * applied afterwards.
 * @throws MemoryStoreError `full` above `maxBytes`, `damaged`
 */
export async function buildIndex(
  works: WorkStore,
  find: () => Work<OpenUser | undefined>,
  maxBytes: number,
): Promise<IndexState & { readonly index: MemoryIndex }> {
  const index = createMemoryIndex();
  try {
    const user = await works.read(find);
    if (user === undefined) return { index, userId: '', revision: -1 };
    const { userId, revision } = user;
    for (let last = ''; ; await nextTurn()) {
      const from = last;
      const rows = await works.read(() => listAfter(userId, from, OPENED_AT_ONCE));
      index.put(rows.map((row) => openEntry(user, row)));
      if (index.readSizeBytes() > maxBytes)
        throw new MemoryStoreError('full', `the index of one user needs more than ${maxBytes} bytes of memory`);
      if (rows.length < OPENED_AT_ONCE) return { index, userId, revision };
      last = rows.at(-1)?.id ?? '';
    }
  } catch (error) {
    index.close();
    throw error;
  }
}
