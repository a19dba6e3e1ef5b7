import { type OpenPlace, openHttpPlace, openLightPlace } from '@ogong/hub/named/open-place';
import type { HubPlace } from '@ogong/hub/place';
import { findPlaceAddress, type PlaceServices } from '@ogong/hub/place-address';
import type { FetchAddress } from '@ogong/models/remote';

export interface PlaceOpenerOptions {
  /** Places that the operator named; they are called wherever they lead. */
  readonly own: readonly HubPlace[];
  /** Services that show places of other kinds. */
  readonly services: PlaceServices;
  /** Calls the places of strangers, and their redirects. Default: any address is called. */
  readonly fetch?: FetchAddress | undefined;
}

/**
 * Creates the opener of a provider's places. Anybody may enter a model in the registry, and its places must not make a provider call
 * services that are not public.
 */
export const createPlaceOpener =
  ({ own, services, fetch }: PlaceOpenerOptions): OpenPlace =>
  (place) => {
    // The operator named the server of IPFS, which may stand beside this provider.
    const isOwn = place.kind === 'ipfs' || own.some(({ address }) => address === place.address);
    const address = findPlaceAddress(place, services);
    return isOwn || address === undefined
      ? openLightPlace(place, services)
      : openHttpPlace(address, { name: place.address, fetch });
  };
