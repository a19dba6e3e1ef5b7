import { Secret } from '@ogong/host/crypto/secret';
import type { MemoryLimits } from '@ogong/memory/store/limits';
import type { MemoryStore } from '@ogong/memory/store/memory-store';
import { openMemoryStore } from '@ogong/memory/store/open-memory-store';
import type { OpenBooks, TestBooksPlace } from '../gateway/books-place.ts';

export const testMasterKey = (fill = 7): Secret<Uint8Array> => new Secret(new Uint8Array(32).fill(fill));

export interface OpenMemories extends OpenBooks {
  readonly store: MemoryStore;
}

/** Opens the memories of a database. A second call after `close` opens the same ones, as a program does after its end. */
export async function openTestMemories(
  place: TestBooksPlace,
  { masterKey = testMasterKey(), limits = {} }: { masterKey?: Secret<Uint8Array>; limits?: Partial<MemoryLimits> } = {},
): Promise<OpenMemories> {
  const opened = await place.open();
  try {
    const store = await openMemoryStore(opened.books, { masterKey, limits });
    return {
      ...{ books: opened.books, store },
      async close() {
        await store.close();
        await opened.close();
      },
    };
  } catch (error) {
    await opened.close();
    throw error;
  }
}
