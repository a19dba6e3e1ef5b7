import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Secret } from '@ogong/host/crypto/secret';
import type { ManifestFile } from '@ogong/hub/manifest';
import { collect, createTestBlob } from '@ogong/testing/hub/blob-bytes';
import { describeBlobStore } from '@ogong/testing/hub/blob-store-compliance';
import { startWalrusServer, type WalrusServer } from '@ogong/testing/hub/walrus-server';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWalrusSource } from './walrus-source.ts';
import { openWalrusStore } from './walrus-store.ts';

const PIECE_BYTES = 2_500_000;
const TOKEN = 'walrus-token';

let directory: TestDirectory;
let server: WalrusServer;
let places = 0;
beforeAll(async () => {
  directory = createTestDirectory('hub-walrus');
  mkdirSync(join(directory.path, 'walrus'));
  server = await startWalrusServer(join(directory.path, 'walrus'), { token: TOKEN, maxBytes: PIECE_BYTES });
});
afterAll(async () => {
  await server.close();
  directory.remove();
});

const openPlace = (place: string, token = TOKEN) =>
  openWalrusStore({
    ...{ publisher: server.endpoint, aggregator: server.endpoint, token: new Secret(token), epochs: 5 },
    ...{ folder: join(directory.path, place), pieceBytes: PIECE_BYTES },
  });

describeBlobStore('walrus', async () => {
  const place = `place-${places++}`;
  return { open: async () => openPlace(place), close: async () => undefined };
});

describe('a place on Walrus', () => {
  const blob = createTestBlob(3 * 2 ** 20 + 7, 6);
  const file = { blockRoot: blob.root } as ManifestFile;
  const { signal } = new AbortController();

  it('is read by its id alone', async () => {
    const store = openPlace('published');
    const before = server.stored.length;
    await store.put(blob.stream(), { bytes: blob.bytes });
    await store.putManifest('ab'.repeat(32), Uint8Array.of(1, 2, 3));
    const address = await store.publish();
    // Two pieces of the blob, the list beside the manifest, and the description.
    const [first, second, small] = server.stored.slice(before);
    expect([first, second, small]).toEqual([PIECE_BYTES, blob.bytes - PIECE_BYTES, 4 * 32 + 3]);
    expect(server.stored).toHaveLength(before + 4);
    const source = createWalrusSource(server.endpoint, address.replace('walrus:', ''));
    const list = await source.listBlocks(file, { maxBytes: 4 * 32, signal });
    expect(Buffer.from(list).equals(Buffer.concat(blob.hashes))).toBe(true);
    const manifest = await source.readManifest('ab'.repeat(32), { maxBytes: 3, signal });
    expect([...manifest]).toEqual([1, 2, 3]);
    await expect(source.readManifest('ab'.repeat(32), { maxBytes: 2, signal })).rejects.toThrow('at most 2');
    const range = { from: 2 ** 20, to: blob.bytes - 1 };
    const whole = Buffer.from(await collect(blob.stream()));
    const read = await collect(source.read(file, range, signal));
    expect(whole.subarray(range.from, range.to).equals(read)).toBe(true);
  });

  it('refuses a file that it does not have, and a description that is none', async () => {
    const store = openPlace('other');
    const other = createTestBlob(5, 8);
    await store.put(other.stream(), { bytes: other.bytes });
    const source = createWalrusSource(server.endpoint, (await store.publish()).replace('walrus:', ''));
    await expect(collect(source.read(file, { from: 0, to: 1 }, signal))).rejects.toThrow('does not have the file');
    await expect(source.listBlocks(file, { maxBytes: 128, signal })).rejects.toThrow('does not have the file');
    const raw = await fetch(`${server.endpoint}/v1/blobs?epochs=1`, {
      ...{ method: 'PUT', body: '{"blobs":{"../x":[]}}', headers: { authorization: `Bearer ${TOKEN}` } },
    });
    const { newlyCreated } = (await raw.json()) as { newlyCreated: { blobObject: { blobId: string } } };
    const wrong = createWalrusSource(server.endpoint, newlyCreated.blobObject.blobId);
    await expect(wrong.listBlocks(file, { maxBytes: 128, signal })).rejects.toThrow();
  });

  it('shows no blob that the publisher refused, and names no token', async () => {
    const store = openPlace('refused', 'wrong-token');
    const put = store.put(blob.stream(), { bytes: blob.bytes });
    const error = await put.catch((reason: unknown) => reason);
    expect(String(error)).toMatch(/answered 401/);
    expect(String(error)).not.toContain('wrong-token');
    expect(await store.has(blob.id)).toBe(false);
  });
});
