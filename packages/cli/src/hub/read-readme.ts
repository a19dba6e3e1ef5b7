import { readFile } from 'node:fs/promises';
import type { FoundManifest } from '@ogong/hub/named/fetch-model';
import { type PullFilesOptions, pullFiles } from '@ogong/hub/transfer/pull';
import { toHex } from '@ogong/protocol/base/bytes';

const README = /^readme(?:\.md|\.txt)?$/i;
const MAX_README_BYTES = 2 ** 20;

/** Reads the README of a model, from the store or from its places. @returns undefined if it has none of a readable size. */
export async function readReadme(
  { found, places }: FoundManifest,
  { store, signal }: Pick<PullFilesOptions, 'store' | 'signal'>,
): Promise<string | undefined> {
  const file = found.manifest.files.find(({ path, sizeBytes }) => README.test(path) && sizeBytes <= MAX_README_BYTES);
  if (file === undefined) return undefined;
  await pullFiles([file], { sources: places, store, signal });
  return readFile(await store.pathOf(toHex(file.blockRoot)), 'utf8');
}
