import { mkdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { MAX_SIGNED_MANIFEST_BYTES } from '../signed-manifest.ts';
import { assertBlobName, HubBlobError } from './blob-store.ts';
import { replaceFile } from './folder-store.ts';

const pathOf = (directory: string, hash: string): string => {
  assertBlobName(hash);
  return join(directory, 'manifests', hash);
};

/**
 * Keeps a signed manifest in the folder of a store.
 * @param manifest hash is that of the manifest, 64 hex digits; signed has the manifest and its signature.
 */
export async function keepManifest(
  directory: string,
  { hash, signed }: { readonly hash: string; readonly signed: Uint8Array },
): Promise<void> {
  const path = pathOf(directory, hash);
  await mkdir(dirname(path), { recursive: true });
  await replaceFile(path, signed);
}

/** Reads a signed manifest from the folder of a store; nothing is checked but its size. @throws HubBlobError `not-found`, `bad-size`. */
export async function readKeptManifest(directory: string, hash: string): Promise<Uint8Array> {
  const path = pathOf(directory, hash);
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile() !== true) throw new HubBlobError('not-found', `no manifest ${hash} in ${directory}`);
  if (found.size > MAX_SIGNED_MANIFEST_BYTES)
    throw new HubBlobError('bad-size', `${path} has ${found.size} bytes; a signed manifest has fewer`);
  return readFile(path);
}
