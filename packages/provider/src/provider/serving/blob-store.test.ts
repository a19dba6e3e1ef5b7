import { existsSync, mkdirSync, readdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { toHex } from '@ogong/protocol/base/bytes';
import { BLOB_CHUNK_BYTES, countChunks, createBlobHasher, verifyChunk } from '@ogong/protocol/commitment/blob';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, describe, expect, it } from 'vitest';
import type { KeptBlob } from '../../modality/order-job.ts';
import { computeFileBytes } from './blob-file.ts';
import { type BlobStore, NO_BLOBS, openBlobStore } from './blob-store.ts';

const directory = createTestDirectory('blobs');
afterAll(() => directory.remove());

const blind = new Uint8Array(32).fill(7);
const id = (byte: number): Uint8Array => new Uint8Array(16).fill(byte);
const EXPIRES_MS = 1_000;

function commit(bytes: Uint8Array): KeptBlob {
  const hasher = createBlobHasher(crypto, blind);
  hasher.push(bytes);
  return { ref: hasher.finish().ref, bytes };
}

const fill = (length: number, seed = 1): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 31 + seed) & 255);
const small = commit(fill(9));
const large = commit(fill(2 * BLOB_CHUNK_BYTES + 5));
const kept = (...blobs: readonly KeptBlob[]) => ({ blobs, blind, expiresAtMs: EXPIRES_MS });
const sizeOf = (...blobs: readonly KeptBlob[]): number =>
  blobs.reduce((sum, { ref }) => sum + computeFileBytes(ref), 0);

let folders = 0;
const nextFolder = (): string => join(directory.path, `${folders++}`);
const openAt = (folder: string, { maxBytes = 1e9, known = [1, 2, 3] } = {}): Promise<BlobStore> =>
  openBlobStore(
    { folder, maxBytes },
    { crypto, findExpiry: (replyId) => (known.includes(replyId[0] ?? 0) ? EXPIRES_MS : undefined) },
  );

async function readAll(store: BlobStore, replyId: Uint8Array, { ref }: KeptBlob): Promise<Uint8Array | undefined> {
  const stored = await store.open(replyId, ref.root);
  if (stored === undefined) return undefined;
  const bytes = new Uint8Array(stored.ref.bytes);
  for (let index = 0; index < countChunks(stored.ref); index++) {
    const chunk = await stored.read(index);
    expect(verifyChunk(crypto, { ref, blind }, chunk)).toBe(true);
    bytes.set(chunk.data, index * BLOB_CHUNK_BYTES);
  }
  await stored.close();
  return bytes;
}

describe('blobs of a reply', () => {
  it('are read with proofs, also after a restart, from files for one user alone', async () => {
    const folder = nextFolder();
    const store = await openAt(folder);
    await store.put(id(1), kept(small, large, small));
    for (const open of [store, await openAt(folder)]) {
      expect(await readAll(open, id(1), small)).toEqual(small.bytes);
      expect(await readAll(open, id(1), large)).toEqual(large.bytes);
      expect(open.usedBytes()).toBe(sizeOf(small, large));
      expect(await open.open(id(2), small.ref.root)).toBeUndefined();
      expect(await open.open(id(1), new Uint8Array(32))).toBeUndefined();
    }
    const path = join(folder, toHex(id(1)));
    expect(statSync(path).mode & 0o777).toBe(0o700);
    expect(readdirSync(path).map((name) => statSync(join(path, name)).mode & 0o777)).toEqual([0o600, 0o600]);
  });

  it('name the peer that ordered the reply, also after a restart', async () => {
    const folder = nextFolder();
    const store = await openAt(folder);
    const orderer = new Uint8Array(32).fill(8);
    await store.put(id(1), { ...kept(small), orderer });
    await store.put(id(2), kept(small));
    for (const open of [store, await openAt(folder)]) {
      expect(open.isOrderer(id(1), orderer)).toBe(true);
      expect(open.isOrderer(id(1), blind)).toBe(false);
      expect(open.isOrderer(id(2), orderer)).toBe(false);
      expect(open.isOrderer(id(3), orderer)).toBe(false);
      expect(open.usedBytes()).toBe(2 * sizeOf(small));
    }
  });

  it('have no chunk outside the blob', async () => {
    const store = await openAt(nextFolder());
    await store.put(id(1), kept(large));
    const stored = await store.open(id(1), large.ref.root);
    await expect(stored?.read(3)).rejects.toThrow(RangeError);
    await stored?.close();
  });

  it('are deleted with their opening, and not before', async () => {
    const folder = nextFolder();
    const store = await openAt(folder);
    await store.put(id(1), kept(small));
    await store.sweep(EXPIRES_MS);
    expect(await readAll(store, id(1), small)).toEqual(small.bytes);
    await store.sweep(EXPIRES_MS + 1);
    expect(await store.open(id(1), small.ref.root)).toBeUndefined();
    expect(readdirSync(folder)).toEqual([]);
    expect(store.usedBytes()).toBe(0);
  });

  it('that a crash left without an opening, or unfinished, are deleted at the next start', async () => {
    const folder = nextFolder();
    const store = await openAt(folder);
    await store.put(id(1), kept(small));
    await store.put(id(9), kept(large));
    mkdirSync(join(folder, `${toHex(id(2))}.part`));
    writeFileSync(join(folder, 'notes'), 'of the operator');
    const again = await openAt(folder);
    expect(readdirSync(folder).sort()).toEqual([toHex(id(1)), 'notes'].sort());
    expect(again.usedBytes()).toBe(sizeOf(small));
  });

  it('are refused if they are not those of their references, and leave no file', async () => {
    const folder = nextFolder();
    const store = await openAt(folder);
    await expect(store.put(id(1), kept(small, { ...large, bytes: fill(9) }))).rejects.toThrow('not those');
    expect(readdirSync(folder)).toEqual([]);
    expect(store.usedBytes()).toBe(0);
  });

  it('are not shown from a file that is cut off', async () => {
    const folder = nextFolder();
    const store = await openAt(folder);
    await store.put(id(1), kept(large));
    truncateSync(join(folder, toHex(id(1)), toHex(large.ref.root)), 50);
    await expect(store.open(id(1), large.ref.root)).rejects.toThrow('cut off');
  });
});

describe('the disk budget', () => {
  it('refuses a reply for which it has no room, and takes it when others have expired', async () => {
    const store = await openAt(nextFolder(), { maxBytes: sizeOf(large) + sizeOf(small) - 1 });
    await store.put(id(1), kept(large));
    expect(() => store.reserve(id(2), [small.ref.bytes])).toThrow('the disk budget for blobs is used up');
    await expect(store.put(id(2), kept(small))).rejects.toThrow('the disk budget for blobs is used up');
    await store.sweep(EXPIRES_MS + 1);
    await store.put(id(2), kept(small));
    expect(await readAll(store, id(2), small)).toEqual(small.bytes);
  });

  it('holds reserved room for a reply until it is released or used', async () => {
    const store = await openAt(nextFolder(), { maxBytes: sizeOf(large) });
    store.reserve(id(1), [large.ref.bytes]);
    expect(() => store.reserve(id(2), [small.ref.bytes])).toThrow('used up');
    store.release(id(1));
    store.reserve(id(2), [large.ref.bytes]);
    await store.put(id(2), kept(small));
    store.release(id(2));
    expect(store.usedBytes()).toBe(sizeOf(small));
  });
});

it('a provider without a folder refuses replies with blobs', async () => {
  expect(() => NO_BLOBS.reserve(id(1), [1])).toThrow('no room for blobs');
  await expect(NO_BLOBS.put(id(1), kept(small))).rejects.toThrow('no room for blobs');
});

it('a blob of 64 MiB is read with the memory of a few chunks', async () => {
  const folder = nextFolder();
  const store = await openAt(folder);
  const huge = commit(new Uint8Array(64 * 2 ** 20).fill(3));
  await store.put(id(1), kept(huge));
  expect(existsSync(join(folder, toHex(id(1)), toHex(huge.ref.root)))).toBe(true);
  const stored = await store.open(id(1), huge.ref.root);
  const before = process.memoryUsage().arrayBuffers;
  await stored?.read(0);
  await stored?.read(countChunks(huge.ref) - 1);
  // Memory that nothing uses any more counts too, so only the first reads are measured.
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * 2 ** 20);
  await stored?.close();
});
