import { rm } from 'node:fs/promises';
import { toCheckedFetch } from '@ogong/host/http/checked-fetch';
import type { DialPolicy } from '@ogong/host/link/public-address';
import { beforeEnd } from '@ogong/hub/abortable';
import { openHttpPlace, openLightPlace, type PlaceSource } from '@ogong/hub/named/open-place';
import type { HubPlace } from '@ogong/hub/place';
import { MAX_SIGNED_MANIFEST_BYTES } from '@ogong/hub/signed-manifest';
import type { FolderStore } from '@ogong/hub/store/folder-store';
import { pullBlob } from '@ogong/hub/transfer/pull-blob';
import { splitOfferedPlace } from '../pins/offered-manifest.ts';
import type { PinParts } from '../pins/pin-parts.ts';
import { createPlaceSources } from '../store/place-sources.ts';
import type { Environment } from '../store/store-settings.ts';
import { PlaceRefused, parsePinPlace, withoutKeys } from './pin-place.ts';

/** A slower place would hold up other offers: 256 KiB per second. */
const LEAST_BYTES_PER_MS = 262;
const GRACE_MS = 60_000;

export interface PinFetcherOptions {
  readonly store: FolderStore;
  /** Places that may be asked, or beginnings of them. None: any place but one on plain HTTP, without keys. */
  readonly allowed: readonly string[];
  /** Folder of a node of IPFS. It is deleted after each reading. */
  readonly folder: string;
  /** Keys and addresses of services (docs/hub-stores.md). */
  readonly env: Environment;
  /** Addresses that a stranger's place may lead to. */
  readonly dialPolicy: DialPolicy;
}

/** Reads the places of offers. Its calls throw PlaceRefused, TransferError and HubBlobError. */
export type PinFetcher = Pick<PinParts, 'fetchBlob' | 'readManifest'>;

export function createPinFetcher({ store, allowed, folder, env: given, dialPolicy }: PinFetcherOptions): PinFetcher {
  const env = allowed.length === 0 ? withoutKeys(given) : given;
  // The operator knows where the places of its own choice lead.
  const fetch = allowed.length > 0 ? undefined : toCheckedFetch(dialPolicy);

  /** A node of IPFS keeps all that it reads. So it lives for one reading, and its folder goes then. */
  async function withSource<T>(place: HubPlace, use: (source: PlaceSource) => Promise<T>): Promise<T> {
    const services = createPlaceSources({ folder, env });
    try {
      const source =
        place.kind === 'http'
          ? openHttpPlace(place.address, { fetch })
          : (openLightPlace(place) ?? services.open(place.address));
      if (source === undefined) throw new PlaceRefused(`${place.address} is of a kind that is not read here`);
      return await use(source);
    } finally {
      await services.close();
      await rm(folder, { recursive: true, force: true });
    }
  }

  return {
    async fetchBlob({ id, sizeBytes, place: text }, signal) {
      const place = parsePinPlace(splitOfferedPlace(text).place, allowed);
      if (place.kind === 'ipfs' && 2 * sizeBytes > (await store.freeBytes()))
        throw new PlaceRefused(`a reading from IPFS needs room for twice the ${sizeBytes} bytes`);
      const slow = AbortSignal.timeout(GRACE_MS + Math.ceil(sizeBytes / LEAST_BYTES_PER_MS));
      const ended = AbortSignal.any([signal, slow]);
      await withSource(place, (source) => pullBlob({ id, sizeBytes, sources: [source], store, signal: ended }));
    },
    async readManifest({ place: text }, hash, signal) {
      const place = parsePinPlace(splitOfferedPlace(text).place, allowed);
      const ended = AbortSignal.any([signal, AbortSignal.timeout(GRACE_MS)]);
      const limits = { maxBytes: MAX_SIGNED_MANIFEST_BYTES, signal: ended };
      return withSource(place, (source) => beforeEnd(source.readManifest(hash, limits), ended));
    },
  };
}
