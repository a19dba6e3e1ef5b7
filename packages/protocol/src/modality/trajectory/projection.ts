import { createReader, createWriter, ProtocolError } from '../../base/bytes.ts';
import type { Codec } from '../../base/codec.ts';
import type { Crypto } from '../../crypto/crypto.ts';

/**
 * Sums of a projection. The number is a prime, so the values of one column of a picture fall into different sums. Rows of a multiple of
 * 61 values are the exception.
 */
export const PROJECTION_SUMS = 61;
export const PROJECTION_BYTES = 4 * PROJECTION_SUMS;

/**
 * Projects values onto 61 sums with random signs, a count sketch (Charikar, Chen and Farach-Colton, 2002). Value i adds to sum i mod 61, or
 * subtracts from it. The distance of two projections is near the distance of the values, and it costs one addition a value.
 *
 * The signs are the bits of SHA-256(seed || u32 0) || SHA-256(seed || u32 1) || ..., the most significant bit first; 1 is minus. A sum is
 * computed in doubles in the order of the values, and rounded to f32 once.
 * @param seed 32 bytes; the header's `sketchBankSeed`.
 * @param values finite; not mutated.
 * @returns f32[61].
 */
export function projectValues(crypto: Crypto, seed: Uint8Array, values: ArrayLike<number>): Float32Array {
  const sums = new Float64Array(PROJECTION_SUMS);
  const message = createWriter(36).bytes(seed, 32).u32(0).finish();
  const counter = new DataView(message.buffer, message.byteOffset + 32, 4);
  let signs: Uint8Array = message;
  for (let i = 0, sum = 0; i < values.length; i++) {
    const bit = i & 255;
    if (bit === 0) {
      counter.setUint32(0, i >>> 8);
      signs = crypto.sha256(message);
    }
    const value = values[i] as number;
    const isMinus = ((signs[bit >> 3] as number) >> (7 - (bit & 7))) & 1;
    sums[sum] = (sums[sum] as number) + (isMinus ? -value : value);
    sum = sum + 1 === PROJECTION_SUMS ? 0 : sum + 1;
  }
  return Float32Array.from(sums);
}

/** Computes the distance of two projections, relative to the second one. Two projections of zeros have distance 0. */
export function computeProjectionDistance(claimed: Float32Array, own: Float32Array): number {
  let difference = 0;
  let size = 0;
  for (let j = 0; j < own.length; j++) {
    difference += ((claimed[j] as number) - (own[j] as number)) ** 2;
    size += (own[j] as number) ** 2;
  }
  return difference === 0 ? 0 : Math.sqrt(difference / size);
}

export const areSame = (a: Float32Array, b: Float32Array): boolean =>
  a.length === b.length && a.every((value, j) => value === b[j]);

/** 61 finite values as f32, little-endian. */
export const projectionCodec: Codec<Float32Array> = {
  write(writer, sums) {
    if (sums.length !== PROJECTION_SUMS) throw new ProtocolError('out-of-range', `a projection of ${sums.length} sums`);
    writer.bytes(encodeProjection(sums));
  },
  read: (reader) => parseProjection(reader.bytes(PROJECTION_BYTES)),
};

export function encodeProjection(sums: Float32Array): Uint8Array {
  const bytes = new Uint8Array(PROJECTION_BYTES);
  const view = new DataView(bytes.buffer);
  for (let j = 0; j < PROJECTION_SUMS; j++) view.setFloat32(4 * j, sums[j] as number, true);
  return bytes;
}

/** @throws ProtocolError unless encodeProjection would write exactly these bytes. */
export function parseProjection(bytes: Uint8Array): Float32Array {
  const reader = createReader(bytes);
  const part = reader.bytes(PROJECTION_BYTES);
  reader.end();
  const view = new DataView(part.buffer, part.byteOffset, part.byteLength);
  return Float32Array.from({ length: PROJECTION_SUMS }, (_, j) => {
    const value = view.getFloat32(4 * j, true);
    if (!Number.isFinite(value)) throw new ProtocolError('malformed', `sum ${j} is ${value}`);
    return value;
  });
}
