import type { HubBlobStore } from '@ogong/hub/store/blob-store';

/** A store that others can read as a place of the hub: it has manifests too, and an address for the ledger. */
export interface PlaceStore extends HubBlobStore {
  /**
   * Keeps a signed manifest.
   * @param hash of the manifest, 64 lower-case hex digits.
   * @throws HubBlobError `bad-name`, `bad-size`.
   */
  putManifest(hash: string, signed: Uint8Array): Promise<void>;
  /**
   * Makes everything that the store has readable for others.
   * @returns the address of the place, without its `hub+`.
   */
  publish(): Promise<string>;
  /** Ends the store: it takes no calls after that. */
  close(): Promise<void>;
}

/** The names of a place: a folder for each kind of file. */
export const PLACE_FOLDERS = {
  blob: 'blobs',
  list: 'lists',
  manifest: 'manifests',
  evaluation: 'evaluations',
} as const;
