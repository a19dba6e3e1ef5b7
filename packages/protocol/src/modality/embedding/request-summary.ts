import { createFormat, hash, oneOf, struct, text, u16, u32, within } from '../../base/codec.ts';
import { demandsCodec } from '../demands.ts';
import { MAX_MODEL_NAME } from '../shared/request-fields.ts';
import { type AskedEmbedding, EMBEDDING_ENDPOINTS, MAX_INPUTS } from './request.ts';
import { MAX_DIMENSIONS } from './vector.ts';

const summaryCodec = struct({
  endpoint: oneOf(EMBEDDING_ENDPOINTS),
  model: text(3 * MAX_MODEL_NAME),
  demands: demandsCodec,
  inputCount: within(u16, 1, MAX_INPUTS),
  promptTokenBound: u32,
  /** Values of a vector; 0 for all of the model's. */
  dimensions: within(u32, 0, MAX_DIMENSIONS),
  /** SHA-256 of the exact body. */
  bodyHash: hash,
});
const summaryFormat = createFormat(summaryCodec, { tag: 'ogong-embedding-request-v2' });

/** Encodes a summary. The request's hash is that of these bytes (docs/spec/embedding.md). */
export const encodeEmbeddingSummary = (asked: AskedEmbedding, bodyHash: Uint8Array): Uint8Array =>
  summaryFormat.encode({ ...asked, bodyHash });

/** @throws ProtocolError */
export const parseEmbeddingSummary = (bytes: Uint8Array): AskedEmbedding => summaryFormat.decode(bytes);
