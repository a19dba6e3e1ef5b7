import type { HubBlobStore } from '@ogong/hub/store/blob-store';
import { createHttpSource } from '@ogong/hub/transfer/block-source';
import { pullBlob, urlsOfPlace } from '@ogong/hub/transfer/pull-blob';
import type { OfferedBlob } from '../pins/pin-parts.ts';

const PREFIX = 'hub+';
/** A slower place would hold up other offers: 256 KiB per second. */
const LEAST_BYTES_PER_MS = 262;
const GRACE_MS = 60_000;

/** The place of an offer may not be asked. */
export class PlaceRefused extends Error {}

/**
 * Reads the place of an offer. A stranger names it, so an address of this machine counts only if the operator allows it.
 * @param allowed beginnings of addresses. Default: any https address.
 * @returns an address that ends with a slash. @throws PlaceRefused
 */
export function parsePinPlace(place: string, allowed: readonly string[] = []): string {
  const address = place.startsWith(PREFIX) ? place.slice(PREFIX.length) : place;
  const url = URL.canParse(address) ? new URL(address) : undefined;
  const isPlain =
    url !== undefined && url.username === '' && url.password === '' && url.search === '' && url.hash === '';
  if (!isPlain) throw new PlaceRefused('the place of the offer is no plain address');
  const href = url.href.endsWith('/') ? url.href : `${url.href}/`;
  const isAllowed =
    allowed.length === 0
      ? url.protocol === 'https:'
      : allowed.some((beginning) => href.startsWith(endWithSlash(beginning)));
  if (!isAllowed) throw new PlaceRefused(`the place ${url.origin} is not allowed; see --pin-place`);
  return href;
}

const endWithSlash = (address: string): string => {
  const { href } = new URL(address);
  return href.endsWith('/') ? href : `${href}/`;
};

/** Creates the reader of pinned blobs: it brings one from the place of its offer. */
export const createPinFetcher =
  (store: HubBlobStore, allowed: readonly string[]) =>
  async ({ id, sizeBytes, place }: OfferedBlob, signal: AbortSignal): Promise<void> => {
    const base = parsePinPlace(place, allowed);
    const source = createHttpSource({ name: new URL(base).host, ...urlsOfPlace(base) });
    const slow = AbortSignal.timeout(GRACE_MS + Math.ceil(sizeBytes / LEAST_BYTES_PER_MS));
    await pullBlob({ id, sizeBytes, sources: [source], store, signal: AbortSignal.any([signal, slow]) });
  };
