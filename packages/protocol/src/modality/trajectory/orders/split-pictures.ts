import { utf8Encode } from '../../../base/bytes.ts';
import { isAbsent } from '../../shared/field-rules.ts';
import { type BodyFields, MAX_CHOICES, parseInteger, parseObject } from '../../shared/request-fields.ts';

/** The most pictures of one call. */
export const MAX_PICTURES = 10;

/**
 * Splits a request for more pictures than one order names. A body with at most MAX_CHOICES pictures stays unchanged.
 * @returns bodies, in the order of their pictures. @throws RequestError
 */
export function splitPictures(body: Uint8Array): readonly Uint8Array[] {
  const parts = splitPictureFields(parseObject(body));
  return parts.length === 1 ? [body] : parts.map((part) => utf8Encode(JSON.stringify(part)));
}

/**
 * Splits the fields of such a request. Under one seed the draws of a picture follow from its number in its request, so the second part
 * gets a seed of its own. @throws RequestError
 */
export function splitPictureFields<F extends BodyFields>(fields: F): readonly F[] {
  const count = parseInteger(fields, 'n', 1, MAX_PICTURES, 1);
  if (count <= MAX_CHOICES) return [fields];
  const { seed } = fields;
  const own = isAbsent(seed) ? {} : { seed: moveSeed(seed) };
  return [
    { ...fields, n: MAX_CHOICES },
    { ...fields, n: count - MAX_CHOICES, ...own },
  ];
}

/** Returns a seed that is far from those that callers count, within 53 bits. An invalid one stays, and its reader refuses it. */
function moveSeed(seed: unknown): unknown {
  if (typeof seed !== 'number' || !Number.isSafeInteger(seed)) return seed;
  return seed > 0 ? seed - 2 ** 53 : seed + 2 ** 53 - 1;
}
