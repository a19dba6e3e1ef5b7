import { type HubPlace, parsePlace } from '@ogong/hub/place';
import type { Environment } from '../store/store-settings.ts';

/** The place of an offer may not be asked. */
export class PlaceRefused extends Error {}

/**
 * Reads the place of an offer. A stranger names it, so an address of this machine counts only if the operator allows it.
 * @param allowed places, or beginnings of them as `parsePlaceBeginning` returns them. Default: any place but one on plain HTTP.
 * @throws PlaceRefused
 */
export function parsePinPlace(text: string, allowed: readonly string[] = []): HubPlace {
  const place = parsePlace(text);
  if (place === undefined) throw new PlaceRefused('the place of the offer is no plain address');
  const { kind, address } = place;
  const isAllowed =
    allowed.length === 0
      ? kind !== 'http' || address.startsWith('https:')
      : allowed.some((beginning) => isWithin(address, beginning));
  if (!isAllowed) throw new PlaceRefused(`the place ${address.slice(0, 80)} is not allowed; see --pin-place`);
  return place;
}

/** A beginning ends where a part of the address does: `s3://models` is none of `s3://models-of-others/`. */
const isWithin = (address: string, beginning: string): boolean =>
  address === beginning ||
  (/[:/@]$/.test(beginning) ? address.startsWith(beginning) : /^[/@]/.test(restOf(address, beginning)));

const restOf = (address: string, beginning: string): string =>
  address.startsWith(beginning) ? address.slice(beginning.length) : '';

/** Reads a place or the beginning of one, such as `https://mirror.example/`, `s3://models`, `hf:acme/` or `ipfs:`. @returns undefined for other text. */
export function parsePlaceBeginning(text: string): string | undefined {
  const place = parsePlace(text);
  if (place !== undefined) return place.address;
  return /^(?:s3|ipfs|hf|walrus):[A-Za-z0-9._:/@-]*$/.test(text) ? text : undefined;
}

const OPEN_SETTINGS = [
  ...['AWS_REGION', 'AWS_ENDPOINT_URL', 'AWS_ENDPOINT_URL_S3', 'HF_ENDPOINT', 'WALRUS_AGGREGATOR'],
  ...['OGONG_IPFS_LISTEN', 'OGONG_IPFS_PEERS', 'OGONG_IPFS_GATEWAY'],
];

/** Returns the settings of stores without keys: with a key, a stranger's offer would publish files that are not public. */
export const withoutKeys = (env: Environment): Environment =>
  Object.fromEntries(OPEN_SETTINGS.map((name) => [name, env[name]]));
