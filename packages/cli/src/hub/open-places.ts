import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ConfigError } from '@ogong/host/config/config-error';
import { text } from '@ogong/host/config/values';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { FindManifestOptions } from '@ogong/hub/named/fetch-model';
import { openLightPlace } from '@ogong/hub/named/open-place';
import { type HubPlace, PLACE_FORMS, parsePlace } from '@ogong/hub/place';
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

/** Runs a call that reads places until it ends or Ctrl-C ends it. @param ownPlaces are asked before those of the registry. */
export async function askPlaces<T>(
  { store, ownPlaces }: Pick<PlaceSettings, 'store' | 'ownPlaces'>,
  run: (settings: PlaceSettings) => Promise<T>,
): Promise<T> {
  const services = createPlaceSources({ folder: storesFolder(store.directory), env: process.env });
  const openPlace = (place: HubPlace) => services.open(place.address) ?? openLightPlace(place);
  try {
    return await interruptible((signal) => run({ crypto, store, ownPlaces, openPlace, signal }));
  } finally {
    await services.close();
  }
}
