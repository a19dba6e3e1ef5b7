import { fromBase64 } from '@ogong/protocol/base/bytes';
import { encodeEmbeddingResponse } from '@ogong/protocol/modality/embedding/replay';
import { parseVector } from '@ogong/protocol/modality/embedding/vector';
import { ReceiptError } from './errors.ts';
import type { EmbeddingList } from './types.ts';

/**
 * The bytes that a provider must have signed for the vectors that a gateway shows (docs/spec/embedding.md). The signature covers the
 * vectors one after the other. So their number, order and equal length have to be read from the answer: otherwise the same bytes could be
 * cut at other places.
 * @param inputs how many were sent.
 * @throws ReceiptError `vectors` if the answer is no list of that many vectors, or a number is not the f32 that it stands for.
 */
export function readVectors(response: EmbeddingList, inputs: number): Uint8Array {
  const refuse = (why: string, cause?: unknown): never => {
    throw new ReceiptError('vectors', `vectors: ${why}`, { response, cause });
  };
  const data: unknown = response?.data;
  if (!Array.isArray(data) || data.length !== inputs)
    return refuse(`${inputs} inputs were sent, and not each has a vector`);
  const vectors = data.map((entry: Partial<EmbeddingList['data'][number]> | null, index) => {
    if (entry?.index !== index) return refuse(`entry ${index} is for input ${entry?.index}`);
    try {
      return readVector(entry.embedding);
    } catch (cause) {
      return refuse(`vector ${index}: ${(cause as Error).message}`, cause);
    }
  });
  const size = vectors[0]?.length;
  if (vectors.some(({ length }) => length !== size)) return refuse('they differ in length');
  return encodeEmbeddingResponse(vectors);
}

function readVector(shown: unknown): Float32Array {
  return typeof shown === 'string' ? parseVector(fromBase64(shown)) : readNumbers(shown);
}

/** @throws TypeError, RangeError for anything but numbers that are each an f32. */
export function readNumbers(shown: unknown): Float32Array {
  if (!Array.isArray(shown) || shown.length === 0) throw new TypeError('neither numbers nor base64');
  const wrong = shown.findIndex((value) => typeof value !== 'number' || !Object.is(Math.fround(value), value));
  if (wrong >= 0) throw new RangeError(`value ${wrong} is no f32`);
  return Float32Array.from(shown);
}
