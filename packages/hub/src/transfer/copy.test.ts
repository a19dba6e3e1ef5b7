import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { toHex } from '@ogong/protocol/base/bytes';
import { breakAfter } from '@ogong/testing/hub/blob-bytes';
import { createSafetensors, pushTestModel } from '@ogong/testing/hub/hub-model';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { BLOCK_BYTES } from '../block-size.ts';
import { openFolderStore } from '../store/folder-store.ts';
import { copyFiles } from './copy.ts';
import type { TransferProgress } from './progress.ts';

let directory: TestDirectory;
beforeEach(() => {
  directory = createTestDirectory('hub-copy');
});
afterEach(() => directory.remove());

it('copies what another store lacks, by block after a break, and refuses a stream that ends early', async () => {
  const from = openFolderStore(join(directory.path, 'from'));
  const to = openFolderStore(join(directory.path, 'to'));
  const content = createSafetensors(4 * BLOCK_BYTES);
  const { manifest } = await pushTestModel(join(directory.path, 'folder'), from, [
    { path: 'model.safetensors', format: 'safetensors', isWeight: true, content },
  ]);
  const [file] = manifest.files;
  if (file === undefined) throw new Error('the manifest has a file');
  const id = toHex(file.blockRoot);
  const breaking = { get: (...asked: Parameters<typeof from.get>) => breakAfter(from.get(...asked), 2 * BLOCK_BYTES) };
  await expect(copyFiles(manifest.files, { from: breaking, to })).rejects.toThrow('broke');
  const short = { get: () => openShort() };
  await expect(copyFiles(manifest.files, { from: short, to })).rejects.toMatchObject({ code: 'too-short' });
  const progress: TransferProgress[] = [];
  await copyFiles(manifest.files, { from, to, onProgress: (one) => progress.push(one) });
  expect(readFileSync(await to.pathOf(id)).equals(content)).toBe(true);
  expect(progress[0]?.doneBytes).toBeGreaterThan(2 * BLOCK_BYTES);
  const nothing = { get: () => openShort() };
  await copyFiles(manifest.files, { from: nothing, to });
  const full = { ...openFolderStore(join(directory.path, 'full')), freeBytes: async () => 1 };
  await expect(copyFiles(manifest.files, { from, to: full })).rejects.toMatchObject({ code: 'no-room' });
});

async function* openShort(): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(5);
}
