import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { makePrivateDirectory, writePrivateFile } from '@ogong/host/files/private-files';
import type { Clock } from '@ogong/host/time/clock';
import { computePinTree, encodePinNodes, type PinTree, parsePinNodes } from '@ogong/hub/pin-tree';
import type { BlobId, HubBlobStore } from '@ogong/hub/store/blob-store';
import { equalBytes } from '@ogong/protocol/base/bytes';

type PinRoot = Pick<PinTree, 'sizeBytes' | 'pinRoot'>;

/** Strangers open offers that name wrong roots. In so long a blob is read for one of them. */
const REMEMBERED_MS = 3_600_000;

const isSame = (a: PinRoot, b: PinRoot): boolean => a.sizeBytes === b.sizeBytes && equalBytes(a.pinRoot, b.pinRoot);

/** Trees of pinned blobs, kept in a folder so that a restart reads no blob. */
export interface PinTrees {
  /**
   * Returns the tree of a blob with this size and root. Without a good file it reads the blob, if its root is not known to be another one.
   * @returns undefined if the blob has another size or root.
   */
  open(id: BlobId, wanted: PinRoot): Promise<PinTree | undefined>;
  remove(id: BlobId): void;
}

export function createPinTrees(directory: string, store: Pick<HubBlobStore, 'get'>, clock: Clock): PinTrees {
  makePrivateDirectory(directory);
  /** Roots of blobs that were read lately, by id. */
  const roots = new Map<BlobId, PinRoot & { readonly untilMs: number }>();
  const pathOf = (id: BlobId): string => join(directory, `${id}.nodes`);
  return {
    async open(id, wanted) {
      try {
        if (existsSync(pathOf(id))) return parsePinNodes(readFileSync(pathOf(id)), wanted);
      } catch {
        // A damaged file: the blob has all that is needed for another one.
      }
      const nowMs = clock.nowMs();
      for (const [one, { untilMs }] of roots) if (untilMs <= nowMs) roots.delete(one);
      const known = roots.get(id);
      if (known !== undefined && !isSame(known, wanted)) return undefined;
      const tree = await computePinTree(store.get(id));
      roots.set(id, { sizeBytes: tree.sizeBytes, pinRoot: tree.pinRoot, untilMs: nowMs + REMEMBERED_MS });
      if (!isSame(tree, wanted)) return undefined;
      writePrivateFile(pathOf(id), encodePinNodes(tree));
      return tree;
    },
    remove: (id) => rmSync(pathOf(id), { force: true }),
  };
}
