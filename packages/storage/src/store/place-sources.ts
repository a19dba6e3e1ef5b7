import { join } from 'node:path';
import { openHttpPlace, openLightPlace, type PlaceSource } from '@ogong/hub/named/open-place';
import { type HubPlace, parsePlace } from '@ogong/hub/place';
import { findPlaceAddress } from '@ogong/hub/place-address';
import { hubHeaders } from '@ogong/models/hub';
import type { IpfsNode } from './ipfs/ipfs-node.ts';
import { type OpenStoreOptions, parseBucket } from './open-store.ts';
import { createLazySource, createRefusingSource } from './place-source.ts';
import {
  readHuggingFace,
  readIpfsGateway,
  readIpfsNode,
  readS3Keys,
  readS3Service,
  readWalrusAggregator,
} from './store-settings.ts';

/** Opens places of other kinds than HTTP servers and folders. */
export interface PlaceSources {
  /**
   * Opens a place that the ledger or a user names.
   * @param address the text behind `hub+`.
   * @returns undefined for a kind that is not read here. A place whose service is not set refuses each read and says what to set.
   */
  open(address: string): PlaceSource | undefined;
  /** Ends the node of IPFS that all places share. */
  close(): Promise<void>;
}

const WALRUS = /^walrus:([\w-]{43})$/;

/** Creates the reader of places. An engine is loaded at the first read from a place of its kind. */
export function createPlaceSources({ folder, env }: OpenStoreOptions): PlaceSources {
  let node: Promise<IpfsNode> | undefined;

  function openIpfs(place: HubPlace): PlaceSource {
    const { address } = place;
    const shown = findPlaceAddress(place, { ipfs: readIpfsGateway(env) });
    if (shown !== undefined) return openHttpPlace(shown, { name: address });
    const { listen, peers } = readIpfsNode(env);
    if (peers.length === 0)
      return createRefusingSource(address, 'set OGONG_IPFS_PEERS to nodes that have it, or OGONG_IPFS_GATEWAY');
    return createLazySource(address, async () => {
      const { openIpfsNode } = await import('./ipfs/ipfs-node.ts');
      const { createIpfsSource } = await import('./ipfs/ipfs-source.ts');
      node ??= openIpfsNode({ listen, peers, folder: join(folder, 'ipfs') });
      try {
        return createIpfsSource(await node, address.slice('ipfs:'.length));
      } catch (error) {
        node = undefined;
        throw error;
      }
    });
  }

  function openS3(address: string): PlaceSource | undefined {
    const named = parseBucket(address);
    const { region, endpoint } = readS3Service(env);
    const keys = readS3Keys(env);
    const s3 = (bucket: string): string =>
      endpoint === undefined ? `https://${bucket}.s3.${region}.amazonaws.com` : `${endpoint}/${bucket}`;
    if (keys === undefined) return openLightPlace({ kind: 's3', address }, { s3 });
    return createLazySource(address, async () => {
      const { createS3Source } = await import('./s3/s3-source.ts');
      return createS3Source({ ...named, region, endpoint, ...keys });
    });
  }

  function openRevision(place: HubPlace): PlaceSource | undefined {
    const { endpoint, token } = readHuggingFace(env);
    const headers = hubHeaders({ endpoint, token: token?.reveal() });
    const address = findPlaceAddress(place, { huggingFace: endpoint });
    return address === undefined ? undefined : openHttpPlace(address, { name: place.address, headers });
  }

  function openKind(address: string): PlaceSource | undefined {
    if (address.startsWith('s3:')) return openS3(address);
    const place = parsePlace(address);
    if (place?.kind === 'ipfs') return openIpfs(place);
    if (place?.kind === 'hf') return openRevision(place);
    const [, id] = WALRUS.exec(address) ?? [];
    if (id === undefined) return undefined;
    const aggregator = readWalrusAggregator(env);
    return createLazySource(address, async () => {
      const { createWalrusSource } = await import('./walrus/walrus-source.ts');
      return createWalrusSource(aggregator, id);
    });
  }

  return {
    open(address) {
      try {
        return openKind(address);
      } catch (error) {
        // The place comes from the ledger, so its settings must not end a pull that has other places.
        return createRefusingSource(address, (error as Error).message);
      }
    },
    async close() {
      await (await node)?.close();
    },
  };
}
