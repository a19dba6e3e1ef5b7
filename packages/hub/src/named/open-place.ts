import type { FetchAddress } from '@ogong/models/remote';
import type { HubPlace } from '../place.ts';
import { findPlaceAddress, type PlaceServices } from '../place-address.ts';
import { type FolderStore, openFolderStore } from '../store/folder-store.ts';
import { readKeptManifest } from '../store/manifest-folder.ts';
import {
  type BlockSource,
  createHttpSource,
  createStoreSource,
  fetchBytes,
  type ReadLimits,
  streamBytes,
} from '../transfer/block-source.ts';
import type { EvaluationSource } from '../transfer/fetch-evaluations.ts';
import { urlsOfPlace } from '../transfer/pull-blob.ts';

/** A place of the hub as a source. Nothing that it sends is believed. */
export interface PlaceSource extends BlockSource, EvaluationSource {
  /**
   * Returns a signed manifest, at most `maxBytes` and a piece of it.
   * @param hash of the manifest, 64 hex digits. @throws if the place does not have it.
   */
  readManifest(hash: string, limits: ReadLimits): Promise<Uint8Array>;
}

/** Opens a place. @returns undefined for a kind that this machine cannot read. */
export type OpenPlace = (place: HubPlace) => PlaceSource | undefined;

/** Opens places in folders, on HTTP servers, and of other kinds that a service shows over HTTP. Other places need packages of their own. */
export function openLightPlace(place: HubPlace, services: PlaceServices = {}): PlaceSource | undefined {
  if (place.kind === 'folder') return openFolderPlace(openFolderStore(place.address));
  const address = findPlaceAddress(place, services);
  return address === undefined ? undefined : openHttpPlace(address, { name: place.address });
}

/** Opens the folder of a store as a place. */
export const openFolderPlace = (store: FolderStore): PlaceSource => ({
  ...createStoreSource(store.directory, store),
  readManifest: (hash) => readKeptManifest(store.directory, hash),
  readEvaluation: store.readEvaluation,
});

export interface HttpPlaceOptions {
  /** Names the place in messages. Default: its address. */
  readonly name?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Calls the server. Default: any address is called. */
  readonly fetch?: FetchAddress | undefined;
}

/** Opens a place that a server of HTTP shows under its names. @param address `https` or on this machine, with a slash at its end. */
export const openHttpPlace = (
  address: string,
  { name = address, headers = {}, fetch }: HttpPlaceOptions = {},
): PlaceSource => ({
  ...createHttpSource({ name, headers, fetch, ...urlsOfPlace(address) }),
  readManifest: (hash, limits) => fetchBytes(`${address}manifests/${hash}`, { ...limits, headers, fetch }),
  readEvaluation: (hash, signal) => streamBytes(`${address}evaluations/${hash}`, { headers, signal, fetch }),
});
