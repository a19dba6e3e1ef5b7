import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ConfigError } from '@ogong/host/config/config-error';
import { text } from '@ogong/host/config/values';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { toCheckedFetch } from '@ogong/host/http/checked-fetch';
import { toDialPolicy } from '@ogong/host/link/public-address';
import type { FindManifestOptions } from '@ogong/hub/named/fetch-model';
import { type HubPlace, PLACE_FORMS, parsePlace } from '@ogong/hub/place';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { createPlaceOpener } from '@ogong/provider/provider/hub/place-opener';
import { createPlaceSources } from '@ogong/storage/store/place-sources';
import { interruptible } from './interruptible.ts';

export const fromField = {
  from: {
    schema: text,
    label: '<place>',
    repeatable: true,
    description: 'place that is asked before those of the registry: an address or a folder; repeat it for several',
  },
} as const;

/** Parses places of the command line. @throws ConfigError for text that is no place and no folder. */
export function readPlaces(program: string, flag: string, texts: readonly string[]): HubPlace[] {
  return texts.map((text) => {
    const place = parsePlace(text) ?? findFolder(text);
    if (place === undefined)
      throw new ConfigError(program, [`--${flag} ${text.slice(0, 260)} is no folder and no place: ${PLACE_FORMS}`]);
    return place;
  });
}

function findFolder(text: string): HubPlace | undefined {
  const isFolder = statSync(text, { throwIfNoEntry: false })?.isDirectory() === true;
  return isFolder ? { kind: 'folder', address: resolve(text) } : undefined;
}

/** Folder for what stores on services keep on this machine. @param directory of the store of this machine. */
export const storesFolder = (directory: string): string => join(directory, 'stores');

/** Settings of a call that reads places. */
export type PlaceSettings = Pick<FindManifestOptions, 'crypto' | 'store' | 'ownPlaces' | 'openPlace' | 'signal'>;

export interface AskedPlaces extends Pick<PlaceSettings, 'store' | 'ownPlaces'> {
  /** The registry that names the other places. */
  readonly registry: Pick<LedgerDomain, 'chainId'>;
}

/**
 * Runs a call that reads places until it ends or Ctrl-C ends it. Anybody may enter a place in the registry, so on a public chain these are
 * called at public addresses alone.
 * @param ownPlaces are asked before those of the registry, and called wherever they lead.
 */
export async function askPlaces<T>(
  { store, ownPlaces = [], registry }: AskedPlaces,
  run: (settings: PlaceSettings) => Promise<T>,
): Promise<T> {
  const services = createPlaceSources({ folder: storesFolder(store.directory), env: process.env });
  const fetch = toCheckedFetch(toDialPolicy(registry.chainId));
  const openOther = createPlaceOpener({ own: ownPlaces, services: {}, fetch });
  const openPlace = (place: HubPlace) => services.open(place.address) ?? openOther(place);
  try {
    return await interruptible((signal) => run({ crypto, store, ownPlaces, openPlace, signal }));
  } finally {
    await services.close();
  }
}
