import { toCheckedFetch } from '@ogong/host/http/checked-fetch';
import type { DialPolicy } from '@ogong/host/link/public-address';
import { beforeEnd } from '@ogong/hub/abortable';
import { openHttpPlace, openLightPlace, type PlaceSource } from '@ogong/hub/named/open-place';
import { MAX_SIGNED_MANIFEST_BYTES } from '@ogong/hub/signed-manifest';
import type { HubBlobStore } from '@ogong/hub/store/blob-store';
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
  readonly store: HubBlobStore;
  /** Places that may be asked, or beginnings of them. None: any place but one on plain HTTP, without keys. */
  readonly allowed: readonly string[];
  /** Folder for a node of IPFS. */
  readonly folder: string;
  /** Keys and addresses of services (docs/hub-stores.md). */
  readonly env: Environment;
  /** Addresses that a stranger's place may lead to. */
  readonly dialPolicy: DialPolicy;
}

/** Reads the places of offers. */
export interface PinFetcher extends Pick<PinParts, 'fetchBlob' | 'readManifest'> {
  /** Ends the node of IPFS. */
  close(): Promise<void>;
}

/** The fetcher's calls throw PlaceRefused, TransferError and HubBlobError. */
export function createPinFetcher({ store, allowed, folder, env, dialPolicy }: PinFetcherOptions): PinFetcher {
  // The operator knows where the places of its own choice lead.
  const fetch = allowed.length > 0 ? undefined : toCheckedFetch(dialPolicy);
  const services = createPlaceSources({ folder, env: allowed.length === 0 ? withoutKeys(env) : env });
  function open(text: string): PlaceSource {
    const place = parsePinPlace(splitOfferedPlace(text).place, allowed);
    const source =
      place.kind === 'http'
        ? openHttpPlace(place.address, { fetch })
        : (openLightPlace(place) ?? services.open(place.address));
    if (source === undefined) throw new PlaceRefused(`${place.address} is of a kind that is not read here`);
    return source;
  }
  return {
    async fetchBlob({ id, sizeBytes, place }, signal) {
      const slow = AbortSignal.timeout(GRACE_MS + Math.ceil(sizeBytes / LEAST_BYTES_PER_MS));
      await pullBlob({ id, sizeBytes, sources: [open(place)], store, signal: AbortSignal.any([signal, slow]) });
    },
    async readManifest({ place }, hash, signal) {
      const ended = AbortSignal.any([signal, AbortSignal.timeout(GRACE_MS)]);
      const limits = { maxBytes: MAX_SIGNED_MANIFEST_BYTES, signal: ended };
      return beforeEnd(open(place).readManifest(hash, limits), ended);
    },
    close: () => services.close(),
  };
}
