import { toHex } from '@ogong/protocol/base/bytes';
import type { HubPlace } from '../place.ts';
import { type FolderStore, openFolderStore } from '../store/folder-store.ts';
import { readKeptManifest } from '../store/manifest-folder.ts';
import {
  type BlockSource,
  createHttpSource,
  createStoreSource,
  fetchBytes,
  type ReadLimits,
} from '../transfer/block-source.ts';

/** A place of the hub as a source. Nothing that it sends is believed. */
export interface PlaceSource extends BlockSource {
  /**
   * Returns a signed manifest, at most `maxBytes` and a piece of it.
   * @param hash of the manifest, 64 hex digits. @throws if the place does not have it.
   */
  readManifest(hash: string, limits: ReadLimits): Promise<Uint8Array>;
}

/** Opens a place. @returns undefined for a kind that this machine cannot read. */
export type OpenPlace = (place: HubPlace) => PlaceSource | undefined;

/** Opens places on HTTP servers and in folders. Places of other kinds need packages of their own. */
export function openLightPlace({ kind, address }: HubPlace): PlaceSource | undefined {
  if (kind === 'folder') return openFolderPlace(openFolderStore(address));
  return kind === 'http' ? openHttpPlace(address) : undefined;
}

/** Opens the folder of a store as a place. */
export const openFolderPlace = (store: FolderStore): PlaceSource => ({
  ...createStoreSource(store.directory, store),
  readManifest: (hash) => readKeptManifest(store.directory, hash),
});

const openHttpPlace = (address: string): PlaceSource => ({
  ...createHttpSource({
    name: address,
    urlOf: ({ blockRoot }) => `${address}blobs/${toHex(blockRoot)}`,
    listUrlOf: ({ blockRoot }) => `${address}lists/${toHex(blockRoot)}`,
  }),
  readManifest: (hash, limits) => fetchBytes(`${address}manifests/${hash}`, limits),
});
