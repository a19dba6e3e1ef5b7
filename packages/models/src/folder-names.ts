import { statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { formatStamp, stampOf } from './file-stamp.ts';

/** The coarsest time of a change in file systems in use. A second change within it may have the same time. */
const TIME_GRAIN_MS = 2000;

/**
 * Returns a function that lists the names in a folder; none if it cannot be read. The folder is read again only after a change, because
 * every request to local mode lists the models.
 * @param nowMs clock of the file system, in milliseconds since 1970-01-01 UTC.
 */
export function createFolderNames(path: string, nowMs: () => number = Date.now): () => Promise<readonly string[]> {
  let kept: { readonly stamp: string; readonly names: readonly string[] } | undefined;
  return async () => {
    const state = readState(path);
    if (state === undefined) return [];
    if (kept?.stamp === state.stamp) return kept.names;
    const isSettled = state.changedAtMs + TIME_GRAIN_MS < nowMs();
    const names = await readdir(path).catch(() => []);
    kept = isSettled ? { stamp: state.stamp, names } : undefined;
    return names;
  };
}

function readState(path: string): { readonly stamp: string; readonly changedAtMs: number } | undefined {
  try {
    const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
    return stats && { stamp: formatStamp(stampOf(stats)), changedAtMs: Number(stats.ctimeMs) };
  } catch {
    return undefined;
  }
}
