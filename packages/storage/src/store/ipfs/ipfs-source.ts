import { MAX_EVALUATION_BYTES } from '@ogong/hub/evaluation-size';
import type { PlaceSource } from '@ogong/hub/named/open-place';
import { type ReadLimits, RefusedRead } from '@ogong/hub/transfer/block-source';
import { toHex } from '@ogong/protocol/base/bytes';
import { CID } from 'multiformats/cid';
import { collectAtMost } from '../collect-at-most.ts';
import { PLACE_FOLDERS } from '../place-store.ts';
import { type IpfsNode, readFile } from './ipfs-node.ts';

interface Part {
  readonly from: number;
  readonly to: number;
  readonly signal: AbortSignal;
}

/**
 * A place on IPFS, read by a node. The node checks each block against its CID. It keeps the blocks, so its peers can read them.
 * @param root CID of the directory of the place.
 */
export function createIpfsSource({ files }: IpfsNode, root: string): PlaceSource {
  const directory = CID.parse(root);
  async function* read(path: string, { from, to, signal }: Part): AsyncGenerator<Uint8Array> {
    try {
      yield* readFile(files, { cid: directory, from, to }, { path, signal });
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'NotFoundError' || signal.aborted) throw error;
      throw new RefusedRead(`ipfs:${root} has no ${path}`, { cause: error });
    }
  }
  const readSmall = (path: string, { maxBytes, signal }: ReadLimits): Promise<Uint8Array> =>
    collectAtMost(read(path, { from: 0, to: maxBytes + 1, signal }), maxBytes + 1);
  return {
    name: `ipfs:${root}`,
    listBlocks: ({ blockRoot }, limits) => readSmall(`${PLACE_FOLDERS.list}/${toHex(blockRoot)}`, limits),
    readManifest: (hash, limits) => readSmall(`${PLACE_FOLDERS.manifest}/${hash}`, limits),
    readEvaluation: (hash, signal) =>
      read(`${PLACE_FOLDERS.evaluation}/${hash}`, { from: 0, to: MAX_EVALUATION_BYTES, signal }),
    read: ({ blockRoot }, { from, to }, signal) =>
      read(`${PLACE_FOLDERS.blob}/${toHex(blockRoot)}`, { from, to, signal }),
  };
}
