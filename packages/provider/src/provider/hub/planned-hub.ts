import { statSync } from 'node:fs';
import { type HubPlace, PLACE_FORMS, parsePlace } from '@ogong/hub/place';
import { OPEN_LICENCES } from './acceptable-model.ts';
import type { HubServingOptions } from './hub-state.ts';

export interface HubSettings {
  readonly serveFromHub: boolean;
  readonly hubBudget: number;
  readonly hubTier: readonly string[];
  readonly hubPrice: bigint | undefined;
  readonly hubPlace: readonly string[];
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
    places: hubPlace.flatMap((text) => readPlace(text, problems) ?? []),
    intervalMs: hubInterval,
    pricePer1kAtomic: pricePer1kAtomic ?? 0n,
  };
}

function readPlace(text: string, problems: string[]): HubPlace | undefined {
  const place = parsePlace(text);
  if (place?.kind === 'http') return place;
  if (statSync(text, { throwIfNoEntry: false })?.isDirectory()) return { kind: 'folder', address: text };
  problems.push(
    place === undefined
      ? `--hub-place ${text}: no folder, and no place; ${PLACE_FORMS}`
      : `--hub-place ${text}: a provider reads places on https and folders; mirror the model to one (ogong hub mirror)`,
  );
  return undefined;
}
