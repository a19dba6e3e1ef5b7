import { existsSync, statSync } from 'node:fs';
import { copyFile, link, mkdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type FileHashes, hashFile } from './file-hashes.ts';
import type { StoredFile } from './store.ts';

/** Returns whether a file is there and has these contents. */
export const isIntact = async (path: string, sha256: string, signal?: AbortSignal): Promise<boolean> =>
  existsSync(path) && Buffer.from(await hashFile(path, signal)).toString('hex') === sha256;

/** Returns whether two paths are links to one file. */
export const isSameFile = (a: string, b: string): boolean => {
  const [first, second] = [a, b].map((path) => statSync(path, { throwIfNoEntry: false }));
  return first !== undefined && first.ino === second?.ino && first.dev === second.dev;
};

/**
 * Fills a folder with links to the blobs of a store, under the names of the files. An engine refuses files whose stamps changed since it
 * hashed them, and a new link changes the stamp of a file. So a file that lies in a folder already is copied into the next one.
 */
export async function fillFolder(
  folder: string,
  files: readonly StoredFile[],
  { blobPath, hashes }: { readonly blobPath: (sha256: string) => string; readonly hashes: Pick<FileHashes, 'restamp'> },
): Promise<void> {
  const linked: string[] = [];
  for (const { name, sha256 } of files) {
    const path = join(folder, name);
    const blob = blobPath(sha256);
    if (existsSync(path) && (isSameFile(blob, path) || (await isIntact(path, sha256)))) continue;
    await mkdir(dirname(path), { recursive: true });
    await rm(path, { force: true });
    if ((await stat(blob)).nlink > 1) await copyFile(blob, path);
    else {
      await link(blob, path);
      linked.push(path);
    }
  }
  await Promise.all(linked.map((path) => hashes.restamp(path)));
}
