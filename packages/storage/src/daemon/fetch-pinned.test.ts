import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { openFolderStore } from '@ogong/hub/store/folder-store';
import { createTestBlob } from '@ogong/testing/hub/blob-bytes';
import { type LoopbackHttp, sendFile, startLoopbackHttp } from '@ogong/testing/hub/file-answers';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createPinFetcher } from './fetch-pinned.ts';

const COMMIT = '1c'.repeat(20);
const PLACE = `hub+hf:acme/small@${COMMIT}`;
const blob = createTestBlob(2 ** 20 + 5);
const { signal } = new AbortController();

let directory: TestDirectory;
let server: LoopbackHttp;
/** Keys that the server got. */
const keys = new Set<string | undefined>();
beforeAll(async () => {
  directory = createTestDirectory('fetch-pinned');
  const store = openFolderStore(join(directory.path, 'repository'));
  await store.put(blob.stream(), { bytes: blob.bytes });
  server = await startLoopbackHttp(async (request, response) => {
    keys.add(request.headers.authorization);
    const path = (request.url ?? '').replace(`/acme/small/resolve/${COMMIT}/`, '');
    await sendFile(request, response, join(store.directory, path));
  });
});
afterAll(async () => {
  await server?.close();
  directory?.remove();
});

it.each([
  ['any place without keys', [], undefined],
  ['an allowed place with its key', ['hf:acme/small'], 'Bearer hf_1'],
])('a blob of an offer comes from %s', async (name, allowed, key) => {
  const store = openFolderStore(join(directory.path, name));
  const env = { HF_ENDPOINT: server.endpoint, HF_TOKEN: 'hf_1' };
  const fetcher = createPinFetcher({
    dialPolicy: 'any',
    store,
    allowed,
    env,
    folder: join(directory.path, 'services'),
  });
  const offered = { id: blob.id, sizeBytes: blob.bytes, place: PLACE };
  keys.clear();
  await expect(fetcher.fetchBlob({ ...offered, place: 'hub+ftp://acme' }, signal)).rejects.toThrow('no plain address');
  await fetcher.fetchBlob(offered, signal);
  expect([await store.has(blob.id), ...keys]).toEqual([true, key]);
});

it('the place of an offer is not called inside the own network, unless the operator names it', async () => {
  const folder = createTestDirectory('fetch-pinned-inside');
  let calls = 0;
  const inner = createServer((socket) => {
    calls++;
    socket.destroy();
  });
  await new Promise<void>((done) => void inner.listen(0, '127.0.0.1', done));
  const place = `https://127.0.0.1:${(inner.address() as AddressInfo).port}/`;
  const store = openFolderStore(folder.path);
  const offered = { id: 'ab'.repeat(32), sizeBytes: 2 ** 21, place };
  const fetchFrom = (places: readonly string[]) =>
    createPinFetcher({
      ...{ store, allowed: places, env: {}, dialPolicy: 'public', folder: join(folder.path, 'services') },
    }).fetchBlob(offered, AbortSignal.timeout(10_000));
  await expect(fetchFrom([])).rejects.toThrow('network that is not called');
  expect(calls).toBe(0);
  await expect(fetchFrom([place])).rejects.toThrow('cannot be reached');
  expect(calls).toBe(1);
  await new Promise((done) => inner.close(done));
  folder.remove();
});
