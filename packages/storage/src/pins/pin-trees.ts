import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { makePrivateDirectory, writePrivateFile } from '@ogong/host/files/private-files';
import { computePinTree, encodePinNodes, type PinTree, parsePinNodes } from '@ogong/hub/pin-tree';
import type { BlobId, HubBlobStore } from '@ogong/hub/store/blob-store';
import { equalBytes } from '@ogong/protocol/base/bytes';

/** Trees of pinned blobs, kept in a folder so that a restart reads no blob. */
export interface PinTrees {
  /**
   * Returns the tree of a blob with this size and root. Without a good file it reads the blob.
   * @returns undefined if the blob has another size or root.
   */
  open(id: BlobId, wanted: Pick<PinTree, 'sizeBytes' | 'pinRoot'>): Promise<PinTree | undefined>;
  remove(id: BlobId): void;
}

export function createPinTrees(directory: string, store: Pick<HubBlobStore, 'get'>): PinTrees {
  makePrivateDirectory(directory);
  const pathOf = (id: BlobId): string => join(directory, `${id}.nodes`);
  return {
    async open(id, wanted) {
      try {
        if (existsSync(pathOf(id))) return parsePinNodes(readFileSync(pathOf(id)), wanted);
      } catch {
        // A damaged file: the blob has all that is needed for another one.
      }
      const tree = await computePinTree(store.get(id));
      if (tree.sizeBytes !== wanted.sizeBytes || !equalBytes(tree.pinRoot, wanted.pinRoot)) return undefined;
      writePrivateFile(pathOf(id), encodePinNodes(tree));
      return tree;
    },
    remove: (id) => rmSync(pathOf(id), { force: true }),
  };
}
