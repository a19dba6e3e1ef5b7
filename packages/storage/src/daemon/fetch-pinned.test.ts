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
