import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { openFolderStore } from '@ogong/hub/store/folder-store';
import { createTestBlob } from '@ogong/testing/hub/blob-bytes';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openIpfsNode } from '../store/ipfs/ipfs-node.ts';
import { openIpfsStore } from '../store/ipfs/ipfs-store.ts';
import { createPinFetcher } from './fetch-pinned.ts';

const blob = createTestBlob(2 ** 20 + 5);
let directory: TestDirectory;
beforeAll(() => {
  directory = createTestDirectory('fetch-ipfs');
});
afterAll(() => directory.remove());

it('a blob comes from IPFS, and the blocks of the node go', async () => {
  const at = (name: string): string => join(directory.path, name);
  const node = await openIpfsNode({ folder: at('node'), listen: ['/ip4/127.0.0.1/tcp/0'] });
  const shared = openIpfsStore(node, at('shared'));
  await shared.put(blob.stream(), { bytes: blob.bytes });
  const offered = { id: blob.id, sizeBytes: blob.bytes, place: `hub+${await shared.publish()}` };
  const env = { OGONG_IPFS_PEERS: node.addresses().join(' ') };
  const store = openFolderStore(at('store'));
  const { signal } = new AbortController();
  const fetchWith = (freeBytes: number) => {
    const bounded = { ...store, freeBytes: async () => freeBytes };
    return createPinFetcher({ dialPolicy: 'any', store: bounded, allowed: [], env, folder: at('services') }).fetchBlob(
      offered,
      signal,
    );
  };
  await expect(fetchWith(2 * blob.bytes - 1)).rejects.toThrow('twice');
  await fetchWith(2 * blob.bytes);
  expect([await store.has(blob.id), existsSync(at('services'))]).toEqual([true, false]);
  await shared.close();
});
