import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { noise } from '@chainsafe/libp2p-noise';
import { yamux } from '@chainsafe/libp2p-yamux';
import { withBitswap } from '@helia/bitswap';
import { type HeliaWithLibp2p, withLibp2pLight } from '@helia/libp2p';
import { type UnixFS, unixfs } from '@helia/unixfs';
import { type Identify, identify } from '@libp2p/identify';
import { tcp } from '@libp2p/tcp';
import { multiaddr } from '@multiformats/multiaddr';
import { FsBlockstore } from 'blockstore-fs';
import { FsDatastore } from 'datastore-fs';
import { createHeliaLight } from 'helia';
import type { CID } from 'multiformats/cid';
import { lockFolder } from './lock-folder.ts';

export interface IpfsNodeOptions {
  /** Folder of the node's key and blocks. */
  readonly folder: string;
  /** Multiaddresses at which it accepts peers, such as `/ip4/127.0.0.1/tcp/0`. None: it accepts no peer. */
  readonly listen?: readonly string[] | undefined;
  /** Multiaddresses of peers with their ids. It asks nobody else. */
  readonly peers?: readonly string[] | undefined;
}

/** A node of IPFS that exchanges blocks with named peers alone. */
export interface IpfsNode {
  readonly helia: HeliaWithLibp2p<{ identify: Identify }>;
  readonly files: UnixFS;
  /** Blocks on this disk. Helia's own deletion asks a router, and this node has none. */
  readonly blocks: FsBlockstore;
  /** Returns addresses that others name as a peer. */
  addresses(): readonly string[];
  close(): Promise<void>;
}

const MAX_CONNECTIONS = 64;
/** libp2p connects again to peers with a tag of this beginning. */
const KEPT_PEER = { tags: { 'keep-alive-hub': { value: 1 } } };

/**
 * Starts a node.
 * @throws HubStoreError `in-use` if another program has the folder; Error if an address is wrong, or none of the peers answers.
 */
export async function openIpfsNode({ folder, listen = [], peers = [] }: IpfsNodeOptions): Promise<IpfsNode> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const unlock = await lockFolder(folder);
  try {
    const { helia, blocks } = await startHelia(folder, listen);
    const close = async (): Promise<void> => {
      await helia.stop();
      await unlock();
    };
    await connect(helia.libp2p, peers).catch(async (error: unknown) => {
      await helia.stop();
      throw error;
    });
    const addresses = () => helia.libp2p.getMultiaddrs().map((address) => address.toString());
    return { helia, blocks, files: unixfs(helia), addresses, close };
  } catch (error) {
    await unlock();
    throw error;
  }
}

async function startHelia(folder: string, listen: readonly string[]) {
  const blocks = new FsBlockstore(join(folder, 'blocks'));
  const bare = createHeliaLight({ blockstore: blocks, datastore: new FsDatastore(join(folder, 'data')) });
  // Every part is named here, because the defaults join the public network.
  const helia = withBitswap(
    withLibp2pLight(bare, {
      addresses: { listen: [...listen] },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      peerDiscovery: [],
      connectionManager: { maxConnections: MAX_CONNECTIONS },
      services: { identify: identify() },
    }),
  );
  await helia.start();
  return { helia, blocks };
}

async function connect(
  libp2p: Pick<HeliaWithLibp2p['libp2p'], 'dial' | 'peerStore'>,
  peers: readonly string[],
): Promise<void> {
  const failures: unknown[] = [];
  for (const peer of peers)
    try {
      const { remotePeer } = await libp2p.dial(multiaddr(peer));
      await libp2p.peerStore.merge(remotePeer, KEPT_PEER);
    } catch (cause) {
      failures.push(cause);
    }
  if (peers.length > 0 && failures.length === peers.length)
    throw new Error(`none of the peers answers: ${peers.join(', ')}`, { cause: failures[0] });
}

/** Bytes that one call asks for, because Helia requests all blocks of a call at once. */
const WINDOW_BYTES = 4 * 2 ** 20;

export interface CatOptions {
  /** Path below the CID. */
  readonly path?: string;
  /** Whether blocks of this disk are enough. */
  readonly offline?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Reads bytes of a file, up to its end, in memory of a few blocks. */
export async function* readFile(
  files: UnixFS,
  { cid, from, to }: { readonly cid: CID; readonly from: number; readonly to: number },
  { signal, ...options }: CatOptions,
): AsyncGenerator<Uint8Array> {
  for (let at = from; at < to; at += WINDOW_BYTES) {
    const length = Math.min(WINDOW_BYTES, to - at);
    let left = length;
    for await (const piece of files.cat(cid, { ...options, offset: at, length, ...(signal && { signal }) })) {
      left -= piece.length;
      yield piece;
    }
    if (left > 0) return;
  }
}
