import { fromBase64, ProtocolError, toHex, utf8Decode, utf8Encode } from '../../base/bytes.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import {
  MAX_MEDIA_ADDRESSES,
  MAX_MEDIA_BYTES,
  MAX_MEDIA_PARTS,
  MAX_WRITTEN_REQUEST_BYTES,
} from '../../exchange/limits.ts';
import { RequestError } from '../shared/request-error.ts';
import {
  describeFetched,
  isAddress,
  isMediaReference,
  MEDIA_PREFIX,
  NO_MEDIA,
  parseMediaReference,
  type RequestMedia,
} from './media.ts';
import { findMediaPlaces, type MediaPlace } from './media-places.ts';

type Hash = Pick<Crypto, 'sha256'>;

/** A request whose media stand beside its body. */
export interface DetachedRequest {
  /** The body with references. It is ordered, hashed and sent. */
  readonly body: Uint8Array;
  /** In the order of their first references. */
  readonly media: RequestMedia;
  /** Addresses whose pictures are not fetched yet, each once. The body names each by its stand-in. */
  readonly addresses: readonly MediaAddress[];
}

/** An address in the place of a picture. */
export interface MediaAddress {
  /** With `http:` or `https:`, as it was written. */
  readonly address: string;
  /** Name of its first place for errors. */
  readonly param: string;
  /** A reference that stands in the body until the picture is there. It is as long as every reference, so no size changes. */
  readonly standIn: string;
}

/** A request with the pictures of its addresses. */
export interface FilledMedia {
  /** In the order of their first references. */
  readonly media: RequestMedia;
  /** Puts the references of the pictures in the places of their stand-ins. */
  readonly fill: (body: Uint8Array) => Uint8Array;
}

/**
 * Takes the data URLs out of a body, as its user wrote it (docs/spec/media.md). Every other byte of the body stays, so each
 * holder of the original derives the same bytes. A body without media is returned as it is.
 * @param options.keepsAddresses gives addresses a stand-in, for a reader that fetches them. Default: they are refused.
 * @throws RequestError for an address, wrong base64, too many bytes, parts or addresses, or a reference without bytes.
 */
export function detachMedia(
  crypto: Hash,
  written: Uint8Array,
  { keepsAddresses = false }: { readonly keepsAddresses?: boolean } = {},
): DetachedRequest {
  assertWritten(written);
  const text = decodeText(written);
  const places = text === undefined ? [] : findMediaPlaces(text);
  if (text === undefined || places.length === 0) return { body: written, media: NO_MEDIA, addresses: [] };
  const isKept = ({ value, isBare }: MediaPlace): boolean => keepsAddresses && !isBare && isAddress(value);
  const parts = places.map((place) => (isMediaReference(place.value) || isKept(place) ? undefined : readPart(place)));
  assertBounds(places, parts);
  const addresses = listAddresses(crypto, places.filter(isKept));
  const media = new Map<string, Uint8Array>();
  const known = new Map(addresses.map(({ address, standIn }) => [address, standIn]));
  const references = parts.map((part, i) => {
    const place = places[i] as MediaPlace;
    if (part === undefined) return isKept(place) ? (known.get(place.value) as string) : place.value;
    const reference = known.get(part) ?? keep(crypto, media, decodePart(part, place));
    known.set(part, reference);
    return reference;
  });
  const standIns = new Set(addresses.map(({ standIn }) => standIn));
  for (const reference of references)
    if (!media.has(reference) && !standIns.has(reference)) throw createMissing(reference);
  return { body: utf8Encode(replace(text, places, references)), media, addresses };
}

/** No picture begins with it, so no picture has the reference of a stand-in. */
const STAND_IN = 'ogong-media-address-v1\n';

/** @throws RequestError if they are too many. */
function listAddresses(crypto: Hash, places: readonly MediaPlace[]): readonly MediaAddress[] {
  const first = new Map(places.toReversed().map(({ value, param }) => [value, param]));
  if (first.size > MAX_MEDIA_ADDRESSES)
    throw refuse(
      `a request has at most ${MAX_MEDIA_ADDRESSES} addresses of pictures, not ${first.size}; send the files themselves as data:<type>;base64,…`,
    );
  return [...first].map(([address, param]) => ({
    ...{ address, param },
    standIn: toReference(crypto, utf8Encode(`${STAND_IN}${address}`)),
  }));
}

/**
 * Joins a request with the pictures of its addresses: its body and media are then those of the same pictures in data URLs.
 * @param pictures by address, all of them.
 * @throws RequestError if the media are too large together, or if a picture is not there.
 */
export function fillMedia(
  crypto: Hash,
  { body, media, addresses }: DetachedRequest,
  pictures: ReadonlyMap<string, Uint8Array>,
): FilledMedia {
  const known = new Map(media);
  const references = new Map<string, string>();
  for (const { address, standIn } of addresses) {
    const picture = pictures.get(address);
    if (picture !== undefined) references.set(standIn, keep(crypto, known, picture));
  }
  const fill = (own: Uint8Array): Uint8Array => (references.size === 0 ? own : fillPlaces(own, references));
  const listed = listMediaReferences(fill(body)).map((reference) => {
    const bytes = known.get(reference);
    if (bytes === undefined) throw createMissing(reference);
    return [reference, bytes] as const;
  });
  assertSize(listed.reduce((sum, [, { length }]) => sum + length, 0));
  return { media: new Map(listed), fill };
}

function fillPlaces(body: Uint8Array, references: ReadonlyMap<string, string>): Uint8Array {
  const text = utf8Decode(body);
  const places = findMediaPlaces(text).filter(({ value }) => references.has(value));
  return utf8Encode(
    replace(
      text,
      places,
      places.map(({ value }) => references.get(value) as string),
    ),
  );
}

/**
 * Lists the references of a body as it travels, each once, in the order of their first places.
 * @throws RequestError for a place with anything else, or too many parts.
 */
export function listMediaReferences(body: Uint8Array): readonly string[] {
  const text = decodeText(body);
  if (text === undefined) return [];
  const references = new Set(findMediaPlaces(text).map(({ value, param }) => parseMediaReference(value, param)));
  if (references.size > MAX_MEDIA_PARTS) throw createTooMany(references.size);
  return [...references];
}

/**
 * Joins a body with the parts that came beside it.
 * @param parts in the order of listMediaReferences.
 * @throws RequestError naming a part that is missing, in no place of the body, or not the one that its reference names.
 */
export function attachMedia(crypto: Hash, body: Uint8Array, parts: readonly Uint8Array[]): RequestMedia {
  const references = listMediaReferences(body);
  const missing = references[parts.length];
  if (missing !== undefined) throw createMissing(missing);
  if (parts.length > references.length)
    throw refuse(`part ${references.length} of the media: the request names only ${references.length}`);
  if (parts.length === 0) return NO_MEDIA;
  assertSize(parts.reduce((sum, { length }) => sum + length, 0));
  return new Map(
    parts.map((bytes, i) => {
      const reference = references[i] as string;
      if (bytes.length === 0) throw refuse(`${reference}: no bytes came for it`);
      if (toReference(crypto, bytes) !== reference) throw refuse(`${reference}: other bytes came for it`);
      return [reference, bytes];
    }),
  );
}

/** Returns the reference of bytes. */
export const toReference = (crypto: Hash, bytes: Uint8Array): string => `${MEDIA_PREFIX}${toHex(crypto.sha256(bytes))}`;

function assertWritten({ length }: Uint8Array): void {
  if (length <= MAX_WRITTEN_REQUEST_BYTES) return;
  throw new RequestError(`the request body must have at most ${MAX_WRITTEN_REQUEST_BYTES} bytes, not ${length}`);
}

/** Returns undefined for bytes that are no text. The parser of the request refuses them. */
function decodeText(body: Uint8Array): string | undefined {
  try {
    return utf8Decode(body);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

/** The head of a data URL: its type and parameters, of at most 128 characters. */
const DATA_URL = /^data:[^,]{0,128};base64,/i;

/** Reads the base64 of a place. @throws RequestError */
function readPart({ value, param, isBare }: MediaPlace): string {
  if (isAddress(value)) throw new RequestError(...describeFetched(param));
  const head = DATA_URL.exec(value)?.[0];
  if (head === undefined && !isBare) {
    // Throws: it is no reference.
    parseMediaReference(value, param);
  }
  // MIME and Python's `encodebytes` break base64 into lines.
  const part = value.slice(head?.length ?? 0).replace(/[\r\n]+/g, '');
  if (part.length === 0) throw refuse(`${param}: it has no bytes`, param);
  if (part.length % 4 !== 0) throw createNotBase64(param);
  return part;
}

/** Decodes the base64 of a place. @throws RequestError */
function decodePart(part: string, { param }: MediaPlace): Uint8Array {
  try {
    return fromBase64(part);
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    throw createNotBase64(param, cause);
  }
}

/** Bounds the parts before anything is decoded or hashed. Texts of base64 that are equal count once. @throws RequestError */
function assertBounds(places: readonly MediaPlace[], parts: readonly (string | undefined)[]): void {
  const texts = new Set(parts.map((part, i) => part ?? (places[i] as MediaPlace).value));
  if (texts.size > MAX_MEDIA_PARTS) throw createTooMany(texts.size);
  const written = [...new Set(parts.filter((part) => part !== undefined))];
  assertSize(written.reduce((sum, part) => sum + countBytes(part), 0));
}

const countBytes = (part: string): number =>
  (part.length / 4) * 3 - (part.endsWith('==') ? 2 : part.endsWith('=') ? 1 : 0);

function keep(crypto: Hash, media: Map<string, Uint8Array>, bytes: Uint8Array): string {
  const reference = toReference(crypto, bytes);
  media.set(reference, bytes);
  return reference;
}

function replace(text: string, places: readonly MediaPlace[], references: readonly string[]): string {
  let at = 0;
  const pieces: string[] = [];
  for (const [i, { start, end }] of places.entries()) {
    pieces.push(text.slice(at, start), `"${references[i]}"`);
    at = end;
  }
  pieces.push(text.slice(at));
  return pieces.join('');
}

function assertSize(bytes: number): void {
  if (bytes > MAX_MEDIA_BYTES)
    throw refuse(`pictures and other files of a request have at most ${MAX_MEDIA_BYTES} bytes, not ${bytes}`);
}

const refuse = (message: string, param: string | null = null): RequestError =>
  new RequestError(message, param, 'invalid_media');

const createNotBase64 = (param: string, cause?: ProtocolError): RequestError =>
  new RequestError(`${param}: its bytes are not in base64 with padding`, param, 'invalid_media', { cause });

const createTooMany = (size: number): RequestError =>
  refuse(`a request has at most ${MAX_MEDIA_PARTS} pictures and other files, not ${size}`);

const createMissing = (reference: string): RequestError =>
  new RequestError(`the request came without the bytes of ${reference}`, null, 'missing_media');
