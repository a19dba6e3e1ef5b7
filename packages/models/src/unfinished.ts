import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { discardPartialFile, readNote } from './partial-file.ts';

/** A download that stopped, and goes on when the same file is asked for again. */
export interface UnfinishedDownload {
  /** Name of the file. */
  readonly file: string;
  readonly receivedBytes: number;
  readonly totalBytes: number;
  readonly path: string;
  readonly modifiedAtMs: number;
}

export interface UnfinishedDownloads {
  /** Downloads that have not ended, whether or not somebody is at them. */
  listUnfinished(): Promise<readonly UnfinishedDownload[]>;
  /** Deletes those that nobody is at, and whatever else was prepared and left for long. @returns what was deleted. */
  removeUnfinished(olderThanMs?: number): Promise<readonly UnfinishedDownload[]>;
}

/** A file that is prepared without a note is nobody's after so long. */
const ABANDONED_MS = 86_400_000;

type WithLock = (name: string, run: () => Promise<void>, signal: AbortSignal) => Promise<void>;

/** @param directory where a store prepares files; a process that prepares one holds the lock of its name. */
export function createUnfinishedDownloads(directory: string, withLock: WithLock): UnfinishedDownloads {
  async function listFiles() {
    const names = (await readdir(directory).catch(() => [])).filter((name) => name.endsWith('.part'));
    const found = [];
    for (const path of names.map((name) => join(directory, name))) {
      const stats = await stat(path).catch(() => undefined);
      if (stats !== undefined) found.push({ path, modifiedAtMs: stats.mtimeMs });
    }
    return found;
  }

  async function listUnfinished() {
    const found: UnfinishedDownload[] = [];
    for (const { path, modifiedAtMs } of await listFiles()) {
      const note = await readNote(path);
      if (note === undefined) continue;
      const receivedBytes = note.segments.reduce((sum, { received }) => sum + received, 0);
      const totalBytes = note.segments.at(-1)?.end ?? 0;
      found.push({ file: note.file, receivedBytes, totalBytes, path, modifiedAtMs });
    }
    return found;
  }

  return {
    listUnfinished,
    async removeUnfinished(olderThanMs = 0) {
      const now = Date.now();
      const unfinished = await listUnfinished();
      const removed: UnfinishedDownload[] = [];
      for (const { path, modifiedAtMs } of await listFiles()) {
        const download = unfinished.find((each) => each.path === path);
        if (now - modifiedAtMs < (download === undefined ? ABANDONED_MS : olderThanMs)) continue;
        // No waiting: a process that downloads this file keeps it.
        const remove = () => discardPartialFile(path);
        const isFree = await withLock(basename(path), remove, AbortSignal.abort()).then(
          () => true,
          () => false,
        );
        if (isFree && download !== undefined) removed.push(download);
      }
      return removed;
    },
  };
}
