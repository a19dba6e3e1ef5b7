import { randomUUID } from 'node:crypto';
import { copyFile, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { assertBlobName } from './blob-store.ts';

/** Copies an evaluation to the folder of a store. @param evaluation hash is the SHA-256 of its file, 64 hex digits. */
export async function keepEvaluation(
  directory: string,
  { hash, path }: { readonly hash: string; readonly path: string },
): Promise<void> {
  assertBlobName(hash);
  const folder = join(directory, 'evaluations');
  const copy = join(folder, `${randomUUID()}.part`);
  await mkdir(folder, { recursive: true });
  try {
    await copyFile(path, copy);
    await rename(copy, join(folder, hash));
  } finally {
    await rm(copy, { force: true });
  }
}
