import { resolve } from 'node:path';
import { ConfigError } from '@ogong/host/config/config-error';
import type { HubPlace } from '@ogong/hub/place';
import type { HubBlobStore } from '@ogong/hub/store/blob-store';
import { type FolderStore, openFolderStore } from '@ogong/hub/store/folder-store';
import { keepManifest } from '@ogong/hub/store/manifest-folder';

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

/** Opens the store of a flag. @throws ConfigError for a kind that this program cannot write. */
export async function openTarget(program: string, address: string): Promise<CopyTarget> {
  if (/^[a-z0-9+]+:/i.test(address))
    throw new ConfigError(program, [`--store ${address.slice(0, 260)}: name a folder of this machine`]);
  const store = openFolderStore(resolve(address));
  return {
    ...{ store, folder: store },
    putManifest: (hash, signed) => keepManifest(store.directory, { hash, signed }),
    publish: async () => undefined,
    close: async () => undefined,
  };
}
