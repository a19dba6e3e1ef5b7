import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeBlockList } from '@ogong/hub/blocks';
import { type FolderStore, openFolderStore } from '@ogong/hub/store/folder-store';
import { pullBlob, urlsOfPlace } from '@ogong/hub/transfer/pull-blob';
import { createTestBlob } from '@ogong/testing/hub/blob-bytes';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPacer } from './pacer.ts';
import { createPlaceApp } from './place-app.ts';

const blob = createTestBlob(2 * 2 ** 20 + 5);
const MANIFEST = 'cd'.repeat(32);

let directory: TestDirectory;
let store: FolderStore;
let app: ReturnType<typeof createPlaceApp>;
const sent: number[] = [];
beforeAll(async () => {
  directory = createTestDirectory('place');
  store = openFolderStore(join(directory.path, 'store'));
  await store.put(blob.stream(), { bytes: blob.bytes });
  for (const folder of ['manifests', 'evaluations']) {
    mkdirSync(join(store.directory, folder), { recursive: true });
    writeFileSync(join(store.directory, folder, MANIFEST), `signed, of ${folder}`);
  }
  writeFileSync(join(directory.path, 'secret'), 'secret');
  const pacer = createPacer(2 ** 40, { nowMs: () => 0 });
  app = createPlaceApp({ store, pacer, onSent: (_, bytes) => sent.push(bytes) });
});
afterAll(() => directory.remove());

const ask = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
  app.fetch(new Request(`http://unnamed.invalid${path}`, { headers, method }));

describe('a place over HTTP', () => {
  it('has blobs, lists and manifests by their hashes', async () => {
    const before = sent.length;
    const whole = await ask(`/blobs/${blob.id}`);
    expect([whole.status, whole.headers.get('content-length')]).toEqual([200, String(blob.bytes)]);
    expect((await whole.arrayBuffer()).byteLength).toBe(blob.bytes);
    expect(sent.slice(before).reduce((sum, bytes) => sum + bytes)).toBe(blob.bytes);
    const list = await ask(`/lists/${blob.id}`);
    expect(Buffer.from(await list.arrayBuffer())).toEqual(Buffer.from(encodeBlockList(blob.hashes)));
    for (const folder of ['manifests', 'evaluations'])
      expect(await (await ask(`/${folder}/${MANIFEST}`)).text()).toBe(`signed, of ${folder}`);
    const head = await ask(`/blobs/${blob.id}`, {}, 'HEAD');
    expect([head.status, await head.text()]).toEqual([200, '']);
  });

  it('checks a list once, also one whose blob is damaged', async () => {
    let checks = 0;
    const counted: FolderStore = {
      ...store,
      listBlocks(id) {
        checks++;
        return store.listBlocks(id);
      },
    };
    const place = createPlaceApp({ store: counted, pacer: createPacer(2 ** 40, { nowMs: () => 0 }), onSent() {} });
    const askList = async (id: string) =>
      (await place.fetch(new Request(`http://unnamed.invalid/lists/${id}`, { method: 'HEAD' }))).status;
    const damaged = '0d'.repeat(32);
    writeFileSync(join(store.directory, 'blobs', damaged), 'damaged');
    const ids = [blob.id, blob.id, damaged, damaged];
    const together = await Promise.all(ids.map(askList));
    expect([...together, await askList(blob.id)]).toEqual([200, 200, 404, 404, 200]);
    expect(checks).toBe(2);
  });

  it('sends one range, up to the end of the file', async () => {
    const part = await ask(`/blobs/${blob.id}`, { range: 'bytes=1048576-1048579' });
    expect([part.status, part.headers.get('content-range')]).toEqual([206, `bytes 1048576-1048579/${blob.bytes}`]);
    expect(Buffer.from(await part.arrayBuffer())).toEqual(Buffer.from(blob.block(1).subarray(0, 4)));
    const rest = await ask(`/blobs/${blob.id}`, { range: `bytes=${blob.bytes - 2}-99999999` });
    expect((await rest.arrayBuffer()).byteLength).toBe(2);
    for (const range of [`bytes=${blob.bytes}-`, 'bytes=5-4'])
      expect((await ask(`/blobs/${blob.id}`, { range })).status).toBe(416);
    expect((await ask(`/blobs/${blob.id}`, { range: 'bytes=0-1,4-5' })).status).toBe(200);
  });

  it.each([
    '/',
    '/blobs',
    '/blobs/',
    `/blobs/${'ef'.repeat(32)}`,
    `/manifests/${'ef'.repeat(32)}`,
    '/manifests/..%2fsecret',
    '/manifests/../secret',
    `/blobs/${'AB'.repeat(32)}`,
    `/pins/${MANIFEST}`,
  ])('has nothing at %s', async (path) => {
    expect((await ask(path)).status).toBe(404);
  });

  it('takes nothing', async () => {
    expect((await ask(`/blobs/${blob.id}`, {}, 'PUT')).status).toBe(405);
  });

  it('gives a blob to another store, which refuses another one', async () => {
    const { urlOf, listUrlOf } = urlsOfPlace('https://place.example/hub');
    const other = openFolderStore(join(directory.path, 'other'));
    const read = (url: string, headers?: Record<string, string>) =>
      ask(new URL(url).pathname.slice('/hub'.length), headers);
    const source = {
      name: 'place',
      listBlocks: async (file: Parameters<typeof listUrlOf>[0]) =>
        new Uint8Array(await (await read(listUrlOf(file))).arrayBuffer()),
      async *read(file: Parameters<typeof urlOf>[0], { from, to }: { readonly from: number; readonly to: number }) {
        yield new Uint8Array(await (await read(urlOf(file), { range: `bytes=${from}-${to - 1}` })).arrayBuffer());
      },
    };
    await pullBlob({ id: blob.id, sizeBytes: blob.bytes, sources: [source], store: other });
    expect(await other.has(blob.id)).toBe(true);
    // The size of an offer is a stranger's.
    const wrong = openFolderStore(join(directory.path, 'wrong'));
    await expect(
      pullBlob({ id: blob.id, sizeBytes: blob.bytes - 1, sources: [source], store: wrong }),
    ).rejects.toThrow();
    expect(await wrong.has(blob.id)).toBe(false);
  });
});

describe('the pacer', () => {
  it('lets all senders together send no faster than the rate', async () => {
    let nowMs = 0;
    const pacer = createPacer(1_000, { nowMs: () => nowMs });
    const { signal } = new AbortController();
    await pacer.pass(500, signal);
    const stopped = AbortSignal.abort(new Error('gone'));
    await expect(pacer.pass(1, stopped)).rejects.toThrow();
    nowMs = 10_000;
    await pacer.pass(1, stopped);
  });
});
