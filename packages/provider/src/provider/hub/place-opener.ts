import { type OpenPlace, openHttpPlace, openLightPlace } from '@ogong/hub/named/open-place';
import type { HubPlace } from '@ogong/hub/place';
import type { FetchAddress } from '@ogong/models/remote';

/**
 * Creates the opener of a provider's places. Anybody may enter a model in the registry, and its places must not make a provider call
 * services that are not public.
 * @param own places that the operator named; they are called wherever they lead.
 * @param fetch calls the others, and their redirects.
 */
export const createPlaceOpener =
  (own: readonly HubPlace[], fetch: FetchAddress | undefined): OpenPlace =>
  (place) => {
    const isOwn = own.some(({ address }) => address === place.address);
    return place.kind === 'http' && !isOwn ? openHttpPlace(place.address, { fetch }) : openLightPlace(place);
  };
