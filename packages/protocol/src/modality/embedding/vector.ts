import { ProtocolError } from '../../base/bytes.ts';

/**
 * Bytes of a value. The served vector is the committed one: these bytes are hashed, and JSON shows them without loss
 * (docs/spec/embedding.md).
 */
export const VALUE_BYTES = 4;
/** The most values of a vector. A leaf's first part has a 16-bit length, and 36 bytes besides the vector. */
export const MAX_DIMENSIONS = 16_374;

/**
 * The largest distance of the sum of squares from one. Rounding to f32 moves each value by at most 2^-24 of itself, hence the
 * sum by 2^-23. Twice that leaves room for the additions.
 */
const NORM_SLACK = 2 ** -22;

/**
 * Computes the vector of length one. Each value is divided by the square root of the sum of the squares, in f64, ascending by
 * index. It is then rounded to f32. IEEE 754 rounds +, *, / and the square root correctly. So every host computes the same bits.
 * @param raw f32, as pooled by the engine; not mutated.
 * @returns f32; a zero is +0.
 * @throws ProtocolError if a value is not finite or all are zero.
 */
export function normaliseVector(raw: Float32Array): Float32Array {
  const square = sumSquares(raw);
  if (!(square > 0 && square < Number.POSITIVE_INFINITY)) {
    throw new ProtocolError('out-of-range', 'a vector that is zero or not finite has no direction');
  }
  const length = Math.sqrt(square);
  // -0 + 0 is +0, so a zero has one spelling.
  return raw.map((value) => Math.fround(value / length) + 0);
}

/**
 * Shortens a vector to its first values, and makes its length one again. Models that are trained for it (Matryoshka) keep most of
 * a text's meaning there.
 * @param vector f32, as normaliseVector gave it; not mutated.
 * @param dimensions at most the vector's; 0 or all of them give the vector itself.
 * @throws ProtocolError if the first values are all zero.
 */
export function shortenVector(vector: Float32Array, dimensions: number): Float32Array {
  if (dimensions === 0 || dimensions === vector.length) return vector;
  return normaliseVector(vector.subarray(0, dimensions));
}

/**
 * Converts a document's score to its committed form: a vector of one value, which is not normalised.
 * @param raw f32[1], as the engine's classifier gave it; not mutated.
 * @throws ProtocolError if it is not finite.
 */
export function toScoreVector(raw: Float32Array): Float32Array {
  const [score] = raw;
  if (raw.length === 1 && Number.isFinite(score)) return Float32Array.of((score as number) + 0);
  throw new ProtocolError('out-of-range', `a score of ${raw.length} values, the first is ${score}`);
}

/** Returns whether a vector has length one, as far as f32 can tell. */
export function hasUnitNorm(vector: Float32Array): boolean {
  return Math.abs(sumSquares(vector) - 1) <= NORM_SLACK;
}

function sumSquares(vector: Float32Array): number {
  let square = 0;
  for (let i = 0; i < vector.length; i++) square += (vector[i] as number) ** 2;
  return square;
}

/** Encodes values as f32 little endian. */
export function encodeVector(vector: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array(vector.length * VALUE_BYTES);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < vector.length; i++) view.setFloat32(VALUE_BYTES * i, vector[i] as number, true);
  return bytes;
}

/** @throws ProtocolError unless encodeVector over normalised vectors would write exactly these bytes. */
export function parseVector(bytes: Uint8Array): Float32Array {
  if (bytes.length === 0 || bytes.length % VALUE_BYTES !== 0 || bytes.length > MAX_DIMENSIONS * VALUE_BYTES) {
    throw new ProtocolError('malformed', `${bytes.length} bytes are no vector`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const vector = new Float32Array(bytes.length / VALUE_BYTES);
  for (let i = 0; i < vector.length; i++) {
    const value = view.getFloat32(VALUE_BYTES * i, true);
    if (!Number.isFinite(value) || Object.is(value, -0))
      throw new ProtocolError('out-of-range', `value ${i} is ${value}`);
    vector[i] = value;
  }
  return vector;
}
