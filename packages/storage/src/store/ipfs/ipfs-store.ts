import { createReadStream } from 'node:fs';
import type { UnixFS } from '@helia/unixfs';
import type { Helia } from 'helia';
import { CID } from 'multiformats/cid';
import { PLACE_FOLDERS, type PlaceStore } from '../place-store.ts';
import type { BlobIndex } from '../staged/blob-index.ts';
import { openStagedStore, type StagedBlob } from '../staged/staged-store.ts';
import { type IpfsNode, readFile } from './ipfs-node.ts';

/** Settings of the importer, which decide over CIDs: raw leaves of 1 MiB, as the blocks of the hub (IPIP-499). */
const LAYOUT = { profile: 'unixfs-v1-2025' } as const;
const WRITTEN_AT_ONCE = 2;

/**
 * Opens a store whose blobs are files of IPFS. A published place is a directory with the names of a place.
 * @param folder keeps the ids of both sides; the node has the blocks.
 */
export function openIpfsStore(node: IpfsNode, folder: string): PlaceStore {
  const { helia, files, close } = node;
  const send = async ({ path, signal }: Pick<StagedBlob, 'path' | 'signal'>): Promise<string[]> => {
    const cid = await files.addByteStream(createReadStream(path, { highWaterMark: 1 << 20 }), {
      ...LAYOUT,
      blockWriteConcurrency: WRITTEN_AT_ONCE,
      ...(signal && { signal }),
    });
    await pinFile(helia, cid);
    return [cid.toString()];
  };
  return openStagedStore(folder, {
    name: 'IPFS',
    send,
    sendEvaluation: send,
    read: ({ references: [cid = ''] }, { from, to }, signal) =>
      readFile(files, { cid: CID.parse(cid), from, to }, { offline: true, signal }),
    drop: ({ references: [cid = ''] }) => deleteFile(node, CID.parse(cid)),
    publish: async (index) => `ipfs:${await addPlace(files, index)}`,
    close,
  });
}

/** Deletes the blocks of a file, but those that another file has too. */
async function deleteFile({ helia, blocks }: IpfsNode, file: CID): Promise<void> {
  const freed: CID[] = [];
  for await (const cid of helia.pins.rm(file)) freed.push(cid);
  for (const cid of freed) if (!(await helia.pins.isPinned(cid))) await blocks.delete(cid);
}

/** Adds the directory of a place: files, lists, manifests and evaluations under their names. */
async function addPlace(files: UnixFS, index: BlobIndex): Promise<CID> {
  let blobs = await files.addDirectory({}, LAYOUT);
  let lists = blobs;
  let manifests = blobs;
  let evaluations = blobs;
  const root = blobs;
  for (const id of await index.ids()) {
    const [cid = ''] = (await index.find(id))?.references ?? [];
    blobs = await files.cp(CID.parse(cid), blobs, id);
    lists = await files.cp(await files.addBytes(await index.readList(id), LAYOUT), lists, id);
  }
  for (const hash of await index.manifests())
    manifests = await files.cp(await files.addBytes(await index.readManifest(hash), LAYOUT), manifests, hash);
  for (const hash of await index.evaluations()) {
    const [cid = ''] = (await index.findEvaluation(hash))?.references ?? [];
    evaluations = await files.cp(CID.parse(cid), evaluations, hash);
  }
  const withBlobs = await files.cp(blobs, root, PLACE_FOLDERS.blob);
  const withLists = await files.cp(lists, withBlobs, PLACE_FOLDERS.list);
  const withManifests = await files.cp(manifests, withLists, PLACE_FOLDERS.manifest);
  return await files.cp(evaluations, withManifests, PLACE_FOLDERS.evaluation);
}

/** Protects the blocks of a file. A file that was pinned before a crash stays pinned. */
async function pinFile({ pins }: Helia, file: CID): Promise<void> {
  try {
    for await (const _ of pins.add(file));
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'AlreadyPinnedError') throw error;
  }
}
