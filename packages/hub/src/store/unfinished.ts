import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { BLOCK_BYTES } from '../block-size.ts';
import { assertBlobName } from './blob-store.ts';
import type { FolderStore } from './folder-store.ts';

export interface Unfinished extends Pick<FolderStore, 'begun' | 'discard' | 'removeUnfinished'> {
  /** Returns the file that a put writes to until it is whole. */
  partPath(key: string): string;
}

/** Opens the parts that unfinished puts have kept in the folder of a store. */
export function openUnfinished(directory: string): Unfinished {
  const folder = join(directory, 'unfinished');
  const partPath = (key: string): string => join(folder, `${key}.part`);
  return {
    partPath,
    async begun(key) {
      assertBlobName(key);
      const found = await stat(partPath(key)).catch(() => undefined);
      return found === undefined ? 0 : found.size - (found.size % BLOCK_BYTES);
    },
    async discard(key) {
      assertBlobName(key);
      await rm(partPath(key), { force: true });
    },
    async removeUnfinished(olderThanMs) {
      let removed = 0;
      for (const name of await readdir(folder).catch(() => [])) {
        const path = join(folder, name);
        const found = await stat(path).catch(() => undefined);
        if (found === undefined || Date.now() - found.mtimeMs < olderThanMs) continue;
        await rm(path, { force: true });
        removed++;
      }
      return removed;
    },
  };
}
