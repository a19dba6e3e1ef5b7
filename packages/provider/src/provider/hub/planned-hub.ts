import { statSync } from 'node:fs';
import { type HubPlace, PLACE_FORMS, parsePlace } from '@ogong/hub/place';
import { findPlaceAddress, type PlaceServices, PUBLIC_SERVICES } from '@ogong/hub/place-address';
import { OPEN_LICENCES } from './acceptable-model.ts';
import type { HubServingOptions } from './hub-state.ts';

export interface HubSettings {
  readonly serveFromHub: boolean;
  readonly hubBudget: number;
  readonly hubTier: readonly string[];
  readonly hubPrice: bigint | undefined;
  readonly hubPlace: readonly string[];
  readonly hubIpfsGateway: string | undefined;
  readonly hubLicence: readonly string[];
  readonly hubInterval: number;
  /** Of the other models. */
  readonly price: readonly bigint[];
  readonly router: readonly unknown[];
  readonly upstream?: string | undefined;
  readonly imageUpstream?: string | undefined;
  readonly embeddedImage: readonly string[];
}

/** The part of a daemon that serves models of the hub, as its operator describes it. */
export interface PlannedHub extends Omit<HubServingOptions, 'stayMs'> {
  readonly pricePer1kAtomic: bigint;
}

/**
 * Reads the settings of --serve-from-hub; undefined without it.
 * @param problems problems are added to it.
 */
export function planHub(settings: HubSettings, problems: string[]): PlannedHub | undefined {
  const { hubBudget, hubTier, hubPrice, hubPlace, hubLicence, hubInterval, price, router } = settings;
  const services: PlaceServices = { ...PUBLIC_SERVICES, ipfs: settings.hubIpfsGateway };
  if (!settings.serveFromHub) return undefined;
  if (router.length === 0) problems.push('--serve-from-hub asks routers what is wanted: name one by --router');
  const pricePer1kAtomic = hubPrice ?? (price.length === 1 ? price[0] : undefined);
  if (pricePer1kAtomic === undefined)
    problems.push('--serve-from-hub needs --hub-price, or one --price for all models');
  if (settings.upstream !== undefined || settings.imageUpstream !== undefined)
    problems.push('--serve-from-hub serves models of this machine: leave --upstream and --image-upstream out');
  if (settings.embeddedImage.length > 0)
    problems.push(
      '--serve-from-hub loads models on demand, and --embedded-image keeps one loaded: leave one of them out',
    );
  return {
    budgetBytes: hubBudget,
    tiers: hubTier.length > 0 ? hubTier : ['verified'],
    licences: hubLicence.length > 0 ? hubLicence : OPEN_LICENCES,
    places: hubPlace.flatMap((text) => readPlace(text, { services, problems }) ?? []),
    services,
    intervalMs: hubInterval,
    pricePer1kAtomic: pricePer1kAtomic ?? 0n,
  };
}

function readPlace(
  text: string,
  { services, problems }: { readonly services: PlaceServices; readonly problems: string[] },
): HubPlace | undefined {
  const place = parsePlace(text);
  if (place !== undefined && findPlaceAddress(place, services) !== undefined) return place;
  if (statSync(text, { throwIfNoEntry: false })?.isDirectory()) return { kind: 'folder', address: text };
  problems.push(
    place === undefined
      ? `--hub-place ${text}: no folder, and no place; ${PLACE_FORMS}`
      : `--hub-place ${text}: ${place.kind === 'ipfs' ? 'name a server that reads IPFS by --hub-ipfs-gateway' : 'a provider reads no Walrus; mirror the model to another kind of place (ogong hub mirror)'}`,
  );
  return undefined;
}
