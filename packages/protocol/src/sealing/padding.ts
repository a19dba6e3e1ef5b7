import { createReader, createWriter } from '../base/bytes.ts';
import { SealError } from './seal-error.ts';

const SMALLEST_REQUEST = 2_048;
const UNIT_STEP = 64;
/** Limit of the range with steps of 64 bytes, since most pieces of a text are one token. */
const STEPPED = 1_024;
const LENGTH_BYTES = 4;

/**
 * Pads by Padme: sizes with few leading bits, at most 12 % larger than the content. So a length reveals only its order and two
 * or three bits.
 */
export function padToBucket(length: number): number {
  if (length < 2) return length;
  const exponent = Math.floor(Math.log2(length));
  const kept = Math.floor(Math.log2(exponent)) + 1;
  const step = 2 ** Math.max(0, exponent - kept);
  return Math.ceil(length / step) * step;
}

/** Returns the size that the inside of a sealed request is padded to. */
export const padRequest = (length: number): number => Math.max(SMALLEST_REQUEST, padToBucket(length));

/** Returns the size that the inside of a unit is padded to. */
export const padUnit = (length: number): number =>
  length > STEPPED ? padToBucket(length) : Math.ceil(length / UNIT_STEP) * UNIT_STEP;

/** Pads: the length, the content, and zeros up to the bucket. */
export function pad(content: Uint8Array, toBucket: (length: number) => number): Uint8Array {
  const padded = new Uint8Array(toBucket(LENGTH_BYTES + content.length));
  padded.set(createWriter(LENGTH_BYTES).u32(content.length).finish());
  padded.set(content, LENGTH_BYTES);
  return padded;
}

/** Removes a padding. @throws SealError if `pad` would not have made it: a sender could hide bytes or a mark in it. */
export function unpad(padded: Uint8Array, toBucket: (length: number) => number): Uint8Array {
  if (padded.length < LENGTH_BYTES) throw new SealError('malformed', 'no length');
  const end = LENGTH_BYTES + createReader(padded).u32();
  const isPadded =
    end <= padded.length && toBucket(end) === padded.length && padded.subarray(end).every((byte) => byte === 0);
  if (!isPadded) throw new SealError('malformed', 'not padded as it has to be');
  return padded.slice(LENGTH_BYTES, end);
}
