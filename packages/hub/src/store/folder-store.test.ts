import {
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { breakAfter, collect, createTestBlob } from '@ogong/testing/hub/blob-bytes';
import { describeBlobStore } from '@ogong/testing/hub/blob-store-compliance';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BLOCK_BYTES } from '../block-size.ts';
import { encodeBlockList } from '../blocks.ts';
import { openFolderStore } from './folder-store.ts';

describeBlobStore('folder', async () => {
  const directory = createTestDirectory('hub-store');
  return { open: async () => openFolderStore(directory.path), close: async () => directory.remove() };
});

describe('a store in a folder', () => {
  let directory: TestDirectory;
  beforeEach(() => {
    directory = createTestDirectory('hub-folder');
  });
  afterEach(() => directory.remove());
  const open = () => openFolderStore(directory.path);

  const blob = createTestBlob(3 * BLOCK_BYTES + 7);
  const { bytes, id } = blob;
  const listFiles = (): string[] =>
    readdirSync(directory.path, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.endsWith('.lock'))
      .map(({ name }) => name)
      .sort();

  it('has the blob and its list on the disk, and nothing else', async () => {
    const store = open();
    await store.put(blob.stream(), { bytes });
    await store.put(blob.stream(), { bytes, resume: { key: id, from: 0 } });
    await expect(store.put(breakAfter(blob.stream(), BLOCK_BYTES), { bytes })).rejects.toThrow('broke');
    expect(listFiles()).toEqual([id, id]);
    expect(readFileSync(await store.pathOf(id)).equals(await collect(blob.stream()))).toBe(true);
    await store.remove(id);
    expect(listFiles()).toEqual([]);
  });

  it('begins anew if the disk changed the kept blocks of a put', async () => {
    const store = open();
    const broken = breakAfter(blob.stream(), 2 * BLOCK_BYTES);
    await expect(store.put(broken, { bytes, id, resume: { key: id, from: 0 } })).rejects.toThrow('broke');
    const part = join(directory.path, 'unfinished', `${id}.part`);
    const kept = readFileSync(part);
    kept[5] = 99;
    writeFileSync(part, kept);
    const resume = { key: id, from: await store.begun(id) };
    const rest = store.put(blob.stream(resume.from), { bytes, id, resume });
    await expect(rest).rejects.toMatchObject({ code: 'wrong-content' });
    expect([await store.begun(id), await store.has(id)]).toEqual([0, false]);
    expect(await store.put(blob.stream(), { bytes, id })).toBe(id);
  });

  it('believes hashes that the caller has checked, but not for blocks of an earlier put', async () => {
    const store = open();
    const wrong = { bytes, id, knownHashes: blob.hashes.with(3, new Uint8Array(32)) };
    await expect(store.put(blob.stream(), wrong)).rejects.toMatchObject({ code: 'wrong-content' });
    const junk = (async function* () {
      yield new Uint8Array(2 * BLOCK_BYTES);
    })();
    const begin = store.put(junk, { bytes, id, resume: { key: id, from: 0 }, knownHashes: blob.hashes });
    await expect(begin).rejects.toMatchObject({ code: 'too-short' });
    const resume = { key: id, from: await store.begun(id) };
    expect(resume.from).toBe(2 * BLOCK_BYTES);
    const rest = store.put(blob.stream(resume.from), { bytes, id, resume, knownHashes: blob.hashes });
    await expect(rest).rejects.toMatchObject({ code: 'wrong-content' });
    expect(await store.put(blob.stream(), { bytes, id, knownHashes: blob.hashes })).toBe(id);
    expect(Buffer.from(await store.listBlocks(id)).equals(encodeBlockList(blob.hashes))).toBe(true);
  });

  it('makes a list anew that is lost or wrong, and refuses one for a damaged blob', async () => {
    const store = open();
    await store.put(blob.stream(), { bytes });
    const path = await store.pathOf(id);
    const list = join(directory.path, 'lists', id);
    rmSync(list);
    expect(Buffer.from(await store.listBlocks(id)).equals(encodeBlockList(blob.hashes))).toBe(true);
    writeFileSync(list, 'x'.repeat(128));
    expect(Buffer.from(await store.listBlocks(id)).equals(encodeBlockList(blob.hashes))).toBe(true);
    truncateSync(path, BLOCK_BYTES);
    await expect(store.listBlocks(id)).rejects.toMatchObject({ code: 'wrong-content' });
  });

  it.skipIf(process.platform === 'win32')('has no blob under a name that is no plain file', async () => {
    const store = open();
    await store.put(blob.stream(), { bytes });
    const [folder, device] = ['a0'.repeat(32), 'b0'.repeat(32)];
    mkdirSync(join(directory.path, 'blobs', folder));
    symlinkSync('/dev/zero', join(directory.path, 'blobs', device));
    for (const name of [folder, device]) {
      expect(await store.has(name)).toBe(false);
      await expect(store.listBlocks(name)).rejects.toMatchObject({ code: 'not-found' });
      await expect(collect(store.get(name, { from: 0, to: 9 }))).rejects.toMatchObject({ code: 'not-found' });
    }
  });

  it('deletes unfinished puts that are old', async () => {
    const store = open();
    const parts = join(directory.path, 'unfinished');
    mkdirSync(parts);
    for (const name of ['old.part', 'new.part']) writeFileSync(join(parts, name), 'x');
    utimesSync(join(parts, 'old.part'), 1, 1);
    expect(await store.removeUnfinished(3_600_000)).toBe(1);
    expect(listFiles()).toEqual(['new.part']);
  });
});
