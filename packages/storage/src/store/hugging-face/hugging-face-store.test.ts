import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Secret } from '@ogong/host/crypto/secret';
import { collect, createTestBlob } from '@ogong/testing/hub/blob-bytes';
import { describeBlobStore } from '@ogong/testing/hub/blob-store-compliance';
import type { LoopbackHttp } from '@ogong/testing/hub/file-answers';
import { startHuggingFaceServer } from '@ogong/testing/hub/hugging-face-server';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openHuggingFaceStore } from './hugging-face-store.ts';

const REPOSITORY = 'acme/small';
const TOKEN = 'hf_secret';

let directory: TestDirectory;
let server: LoopbackHttp;
let places = 0;
beforeAll(async () => {
  directory = createTestDirectory('hub-hf');
  const files = join(directory.path, 'server');
  mkdirSync(files);
  server = await startHuggingFaceServer(files, { repository: REPOSITORY, token: TOKEN });
});
afterAll(async () => {
  await server.close();
  directory.remove();
});

const openPlace = (place: string, token = TOKEN) =>
  openHuggingFaceStore({
    ...{ endpoint: server.endpoint, repository: REPOSITORY, token: new Secret(token) },
    folder: join(directory.path, place),
  });

describeBlobStore('hugging face', async () => {
  const place = `place-${places++}`;
  return { open: async () => openPlace(place), close: async () => undefined };
});

describe('a repository of Hugging Face', () => {
  const blob = createTestBlob(2 ** 20 + 7, 5);

  it('has the files of a place at the published commit, and after later changes', async () => {
    const store = openPlace('published');
    await store.put(blob.stream(), { bytes: blob.bytes });
    const manifest = 'ab'.repeat(32);
    await store.putManifest(manifest, Uint8Array.of(1, 2, 3));
    const [, commit = ''] = /^hf:acme\/small@([0-9a-f]{40})$/.exec(await store.publish()) ?? [];
    await store.remove(blob.id);
    const read = async (path: string) => {
      const response = await fetch(`${server.endpoint}/${REPOSITORY}/resolve/${commit}/${path}`);
      return Buffer.from(await response.arrayBuffer());
    };
    expect((await read(`blobs/${blob.id}`)).equals(await collect(blob.stream()))).toBe(true);
    expect((await read(`lists/${blob.id}`)).equals(Buffer.concat(blob.hashes))).toBe(true);
    expect([...(await read(`manifests/${manifest}`))]).toEqual([1, 2, 3]);
  });

  it('shows no blob that the service refused, and names no token', async () => {
    const store = openPlace('refused', 'hf_wrong');
    const error = await store.put(blob.stream(), { bytes: blob.bytes }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ statusCode: 401 });
    expect(String(error)).not.toContain('hf_wrong');
    expect(await store.has(blob.id)).toBe(false);
  });
});
