import { toHex } from '@ogong/protocol/base/bytes';
import { computeBlockRoot, cutBlocks, hashBlock } from '../blocks.ts';
import type { HubBlobStore } from './blob-store.ts';

/** A store that keeps nothing. It computes ids for a dry run of a push. */
export function createHashingStore(): Pick<HubBlobStore, 'put' | 'begun' | 'has' | 'freeBytes'> {
  return {
    async put(stream) {
      const hashes: Uint8Array[] = [];
      for await (const block of cutBlocks(stream)) hashes.push(hashBlock(block));
      return toHex(computeBlockRoot(hashes));
    },
    begun: async () => 0,
    has: async () => true,
    freeBytes: async () => Number.POSITIVE_INFINITY,
  };
}
