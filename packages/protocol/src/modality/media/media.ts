import { fromHex } from '../../base/bytes.ts';
import { RequestError } from '../shared/request-error.ts';

/**
 * The pictures and other files of a request, by reference (docs/spec/media.md). The hash of every part was compared with its
 * reference, and the map has exactly the parts that the body names.
 */
export type RequestMedia = ReadonlyMap<string, Uint8Array>;

export const NO_MEDIA: RequestMedia = new Map();

/** The beginning of a reference. The SHA-256 of the bytes follows, as 64 lower-case hex digits. */
export const MEDIA_PREFIX = 'ogong:media/';
const REFERENCE = /^ogong:media\/[0-9a-f]{64}$/;

/** Returns whether a value of a body is a reference to a part of its media. */
export const isMediaReference = (value: unknown): value is string => typeof value === 'string' && REFERENCE.test(value);

/**
 * Parses the reference in a field of a body that holds a picture or another file.
 * @param param names the field in errors, such as `messages[0].content[1].image_url.url`.
 * @throws RequestError
 */
export function parseMediaReference(value: unknown, param: string): string {
  if (isMediaReference(value)) return value;
  if (typeof value === 'string' && isAddress(value)) throw new RequestError(...describeFetched(param));
  throw new RequestError(
    `${param} must be a data URL such as data:image/png;base64,…; on the wire it is a reference ${MEDIA_PREFIX}<sha256>`,
    param,
    'invalid_media',
  );
}

/** Returns whether a text is an address that a picture could be fetched from. */
export const isAddress = (value: string): boolean => /^https?:/i.test(value);

/** Returns the SHA-256 of the bytes that a reference names. */
export const readMediaHash = (reference: string): Uint8Array => fromHex(reference.slice(MEDIA_PREFIX.length));

/** The refusal of a URL in place of the bytes: message, param, code. */
export const describeFetched = (param: string): readonly [string, string, string] => [
  `${param}: no address is fetched here, since its content can change; send the file itself as data:<type>;base64,…`,
  param,
  'unsupported_media_url',
];

/** Returns the bytes of a reference, as the request's payer sent them. @throws RequestError if the request came without them. */
export function mediaBytes(reference: string, media: RequestMedia): Uint8Array {
  const found = media.get(reference);
  if (found !== undefined) return found;
  throw new RequestError(`the request came without the bytes of ${reference.slice(0, 80)}`, null, 'missing_media');
}
