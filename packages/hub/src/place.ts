import { fromHex, ProtocolError } from '@ogong/protocol/base/bytes';
import { isLoopbackHost } from '@ogong/protocol/base/loopback';

/** Kinds of places. `http` and `folder` need no other package. */
export const PLACE_KINDS = ['http', 'folder', 's3', 'ipfs', 'hf', 'walrus'] as const;

/** A place that has signed manifests, block lists and blobs (docs/spec/hub.md#places). */
export interface HubPlace {
  readonly kind: (typeof PLACE_KINDS)[number];
  /** An address with a slash at its end, the path of a folder, or the text in the registry behind `hub+`. */
  readonly address: string;
}

/** Sources of a model in the registry. */
export interface HubSources {
  /** Hash of the manifest, 32 bytes. */
  readonly manifestHash: Uint8Array;
  readonly places: readonly HubPlace[];
}

/** The forms of a place, for messages. */
export const PLACE_FORMS =
  'write https://host/path, s3://bucket/prefix, ipfs:<cid>, hf:owner/repo@<commit> or walrus:<id>';

const MAX_ADDRESS_BYTES = 252;
const MANIFEST = /^hub:([0-9a-f]{64})$/;
const PART = '[A-Za-z0-9][A-Za-z0-9._-]{0,95}';
const OTHERS = {
  s3: new RegExp(`^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:/${PART})*/?$`),
  ipfs: /^ipfs:[A-Za-z0-9]{46,120}$/,
  hf: new RegExp(`^hf:${PART}/${PART}@[0-9a-f]{40}$`),
  walrus: /^walrus:[A-Za-z0-9][A-Za-z0-9._:/@-]{0,200}$/,
} as const;

/**
 * Parses the address of a place, with or without `hub+` before it.
 * @returns undefined for other text. Paths of folders are other text.
 */
export function parsePlace(text: string): HubPlace | undefined {
  const address = text.startsWith('hub+') ? text.slice('hub+'.length) : text;
  if (address.length > MAX_ADDRESS_BYTES) return undefined;
  if (/^https?:/.test(address)) return parseHttpPlace(address);
  for (const kind of ['s3', 'ipfs', 'hf', 'walrus'] as const) if (OTHERS[kind].test(address)) return { kind, address };
  return undefined;
}

/** Plain HTTP stays on this machine. A query could not stand before the name of a blob. */
function parseHttpPlace(address: string): HubPlace | undefined {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || url.username !== '' || url.password !== '' || /[?#]/.test(address)) return undefined;
  if (url.protocol !== 'https:' && !isLoopbackHost(url.hostname)) return undefined;
  return { kind: 'http', address: url.href.replace(/\/*$/, '/') };
}

/** Encodes a place as a source of the registry. */
export const formatPlaceSource = ({ address }: HubPlace): string => `hub+${address}`;

/** Encodes the hash of a manifest as a source of the registry. @param hash 64 hex digits. */
export const formatManifestSource = (hash: string): string => `hub:${hash}`;

/**
 * Parses the sources of a model in the registry. Other sources, and places of unknown kinds, are skipped.
 * @returns undefined for a model without a manifest.
 * @throws ProtocolError `malformed` for a hash of another form, and for two hashes.
 */
export function parseHubSources(sources: readonly string[]): HubSources | undefined {
  const named = new Set(sources.filter((source) => source.startsWith('hub:')));
  if (named.size === 0) return undefined;
  if (named.size > 1) throw new ProtocolError('malformed', 'the registry names two manifests for one version');
  const [source = ''] = named;
  const hash = MANIFEST.exec(source)?.[1];
  if (hash === undefined) throw new ProtocolError('malformed', `"${source.slice(0, 80)}" names no manifest`);
  const places = new Map<string, HubPlace>();
  for (const text of sources) {
    const place = text.startsWith('hub+') ? parsePlace(text) : undefined;
    if (place !== undefined) places.set(place.address, place);
  }
  return { manifestHash: fromHex(hash), places: [...places.values()] };
}
