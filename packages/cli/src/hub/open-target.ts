import { resolve } from 'node:path';
import { ConfigError } from '@ogong/host/config/config-error';
import { type HubPlace, parsePlace } from '@ogong/hub/place';
import type { HubBlobStore } from '@ogong/hub/store/blob-store';
import { type FolderStore, openFolderStore } from '@ogong/hub/store/folder-store';
import { keepManifest } from '@ogong/hub/store/manifest-folder';
import { HubStoreError } from '@ogong/storage/store/hub-store-error';
import { openHubStore } from '@ogong/storage/store/open-store';
import { storesFolder } from './open-places.ts';

/** A store that files and manifests are copied to. */
export interface CopyTarget {
  readonly store: HubBlobStore;
  /** The same store if it is a folder, which a pull can write to. */
  readonly folder?: FolderStore;
  /** @param hash of the manifest, 64 hex digits. */
  putManifest(hash: string, signed: Uint8Array): Promise<void>;
  /** Makes the files readable for others. @returns the place; undefined for a folder, whose server is not known here. */
  publish(): Promise<HubPlace | undefined>;
  close(): Promise<void>;
}

/**
 * Opens the store of a flag: a folder, or a service (docs/hub-stores.md).
 * @param directory of the store of this machine. @throws ConfigError for text that names no store, or for a setting that is missing.
 */
export async function openTarget(program: string, address: string, directory: string): Promise<CopyTarget> {
  return /^[a-z0-9+]{2,}:/i.test(address) ? openService(program, address, directory) : openFolder(resolve(address));
}

function openFolder(path: string): CopyTarget {
  const store = openFolderStore(path);
  return {
    ...{ store, folder: store },
    putManifest: (hash, signed) => keepManifest(store.directory, { hash, signed }),
    publish: async () => undefined,
    close: async () => undefined,
  };
}

async function openService(program: string, address: string, directory: string): Promise<CopyTarget> {
  try {
    const store = await openHubStore(address, { folder: storesFolder(directory), env: process.env });
    return {
      store,
      putManifest: (hash, signed) => store.putManifest(hash, signed),
      publish: async () => parsePlace(await store.publish()),
      close: () => store.close(),
    };
  } catch (error) {
    if (error instanceof HubStoreError) throw new ConfigError(program, [`--store: ${error.message}`]);
    throw error;
  }
}
