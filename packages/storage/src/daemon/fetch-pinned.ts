import { openLightPlace } from '@ogong/hub/named/open-place';
import type { HubBlobStore } from '@ogong/hub/store/blob-store';
import { pullBlob } from '@ogong/hub/transfer/pull-blob';
import type { OfferedBlob } from '../pins/pin-parts.ts';
import { createPlaceSources } from '../store/place-sources.ts';
import type { Environment } from '../store/store-settings.ts';
import { PlaceRefused, parsePinPlace, withoutKeys } from './pin-place.ts';

/** A slower place would hold up other offers: 256 KiB per second. */
const LEAST_BYTES_PER_MS = 262;
const GRACE_MS = 60_000;

export interface PinFetcherOptions {
  readonly store: HubBlobStore;
  /** Places that may be asked, or beginnings of them. None: any place but one on plain HTTP, without keys. */
  readonly allowed: readonly string[];
  /** Folder for a node of IPFS. */
  readonly folder: string;
  /** Keys and addresses of services (docs/hub-stores.md). */
  readonly env: Environment;
}

/** Brings blobs from the places of their offers. */
export interface PinFetcher {
  /** @throws PlaceRefused, TransferError, HubBlobError */
  fetch(blob: OfferedBlob, signal: AbortSignal): Promise<void>;
  /** Ends the node of IPFS. */
  close(): Promise<void>;
}

export function createPinFetcher({ store, allowed, folder, env }: PinFetcherOptions): PinFetcher {
  const services = createPlaceSources({ folder, env: allowed.length === 0 ? withoutKeys(env) : env });
  return {
    async fetch({ id, sizeBytes, place: text }, signal) {
      const place = parsePinPlace(text, allowed);
      const source = openLightPlace(place) ?? services.open(place.address);
      if (source === undefined) throw new PlaceRefused(`${place.address} is of a kind that is not read here`);
      const slow = AbortSignal.timeout(GRACE_MS + Math.ceil(sizeBytes / LEAST_BYTES_PER_MS));
      await pullBlob({ id, sizeBytes, sources: [source], store, signal: AbortSignal.any([signal, slow]) });
    },
    close: () => services.close(),
  };
}
