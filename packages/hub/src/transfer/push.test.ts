import { appendFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { toHex } from '@ogong/protocol/base/bytes';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { createSafetensors } from '@ogong/testing/hub/hub-model';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BLOCK_BYTES } from '../block-size.ts';
import { computeBlockRoot, countBlocks, hashBlock } from '../blocks.ts';
import type { HubBlobStore } from '../store/blob-store.ts';
import { openFolderStore } from '../store/folder-store.ts';
import { openKnownFiles } from './known-files.ts';
import type { TransferProgress } from './progress.ts';
import { type PushedFile, pushFiles } from './push.ts';

const WEIGHTS = createSafetensors(5 * BLOCK_BYTES);
const weights: PushedFile = { path: 'a/model.safetensors', format: 'safetensors', isWeight: true };
const config: PushedFile = { path: 'config.json', format: 'json', isWeight: false };

let directory: TestDirectory;
let folder: string;
beforeEach(() => {
  directory = createTestDirectory('hub-push');
  folder = join(directory.path, 'folder');
  mkdirSync(join(folder, 'a'), { recursive: true });
  writeFileSync(join(folder, weights.path), WEIGHTS);
  writeFileSync(join(folder, config.path), '{}');
});
afterEach(() => directory.remove());

const open = () => openFolderStore(join(directory.path, 'store'));
const push = (
  files: readonly PushedFile[],
  store: HubBlobStore = open(),
  onProgress?: (progress: TransferProgress) => void,
) => pushFiles({ folder, files, store, onProgress });

describe('a push', () => {
  it('stores the files and describes them for a manifest', async () => {
    const store = open();
    const files = await push([config, weights], store);
    expect(files.map(({ path }) => path)).toEqual([weights.path, config.path]);
    const blocks = Array.from({ length: countBlocks(WEIGHTS.length) }, (_, i) =>
      WEIGHTS.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES),
    );
    const blockRoot = computeBlockRoot(blocks.map(hashBlock));
    expect(files[0]).toEqual({ ...weights, sizeBytes: WEIGHTS.length, sha256: crypto.sha256(WEIGHTS), blockRoot });
    expect(await store.has(toHex(blockRoot))).toBe(true);
    expect(await push([weights, config], store)).toEqual(files);
  });

  it('reads no file again that it knows and the store has, and refuses a model without room', async () => {
    const known = openKnownFiles(join(directory.path, 'known'));
    const progress: TransferProgress[] = [];
    const pushKnown = (store: HubBlobStore) =>
      pushFiles({ folder, files: [weights], store, known, onProgress: (one) => progress.push(one) });
    const first = await pushKnown(open());
    const read = progress.length;
    expect(await pushKnown(open())).toEqual(first);
    expect(progress).toHaveLength(read);
    // Another store, or another file under the name, is a push of its own.
    await pushKnown(openFolderStore(join(directory.path, 'other')));
    expect(progress).toHaveLength(2 * read);
    writeFileSync(join(folder, weights.path), createSafetensors(100));
    expect((await pushKnown(open()))[0]?.sizeBytes).not.toBe(first[0]?.sizeBytes);
    const full = { ...openFolderStore(join(directory.path, 'full')), freeBytes: async () => 1 };
    await expect(pushKnown(full)).rejects.toMatchObject({ code: 'no-room' });
  });

  it('continues by block after its store failed at each block', async () => {
    let passed = 0;
    const failAt = (blocks: number): HubBlobStore => ({
      ...open(),
      put(stream, options) {
        const cut = async function* () {
          for await (const block of stream) {
            if (passed >= blocks) throw new Error('the store is gone');
            passed++;
            yield block;
          }
        };
        return open().put(cut(), options);
      },
    });
    for (let blocks = 0; blocks <= 5; blocks++) await expect(push([weights], failAt(blocks))).rejects.toThrow('gone');
    const progress: TransferProgress[] = [];
    const [file] = await push([weights], failAt(6), (one) => progress.push(one));
    // Every block entered the store once.
    expect([passed, progress.length]).toEqual([6, 1]);
    expect(progress[0]).toMatchObject({ doneBytes: WEIGHTS.length, totalBytes: WEIGHTS.length });
    expect(file?.sha256).toEqual(crypto.sha256(WEIGHTS));
    expect(await open().has(toHex(file?.blockRoot as Uint8Array))).toBe(true);
  });

  it('ends when its signal fires, and continues later', async () => {
    const ended = new AbortController();
    const call = pushFiles({
      folder,
      files: [weights],
      store: open(),
      onProgress: () => ended.abort(),
      signal: ended.signal,
    });
    await expect(call).rejects.toMatchObject({ code: 'cancelled', retryable: true });
    const progress: TransferProgress[] = [];
    await push([weights], open(), (one) => progress.push(one));
    expect(progress.length).toBeLessThan(6);
  });

  it('refuses a file that changes meanwhile', async () => {
    const place = join(folder, weights.path);
    const change = (): void => appendFileSync(place, 'x');
    await expect(push([weights], open(), change)).rejects.toThrow();
    writeFileSync(place, WEIGHTS);
    const touch = ({ doneBytes, totalBytes }: TransferProgress): void => {
      if (doneBytes === totalBytes) writeFileSync(place, WEIGHTS.toReversed());
    };
    await expect(push([weights], open(), touch)).rejects.toMatchObject({ code: 'changed', retryable: true });
  });

  it.each<[string, PushedFile, (place: string) => void]>([
    ['a path out of the folder', { ...config, path: '../config.json' }, () => undefined],
    ['a name of another format', { ...config, path: 'config.py' }, (place) => writeFileSync(place, '{}')],
    ['a missing file', { ...config, path: 'none.json' }, () => undefined],
    ['a link', { ...config, path: 'link.json' }, (place) => symlinkSync(join(folder, 'config.json'), place)],
    ['a folder', { ...config, path: 'folder.json' }, (place) => mkdirSync(place)],
    ['an empty file', { ...config, path: 'empty.json' }, (place) => writeFileSync(place, '')],
    [
      'a pickle',
      { ...weights, path: 'b.safetensors' },
      (place) => writeFileSync(place, Buffer.from('80025d71002e', 'hex')),
    ],
    [
      'weights that no ONNX file reads',
      { ...weights, path: 'b.onnx_data', format: 'onnx-data' },
      (place) => writeFileSync(place, 'abc'),
    ],
  ])('refuses %s', async (_name, file, make) => {
    make(join(folder, file.path));
    await expect(push([config, file])).rejects.toMatchObject({ code: 'bad-content', retryable: false });
  });
});
