import { ProtocolError } from '../../base/bytes.ts';
import {
  address,
  type CodecType,
  constant,
  createFormat,
  hash,
  oneOf,
  refine,
  struct,
  text,
  u8,
  u16,
  u32,
  within,
} from '../../base/codec.ts';
import type { CommonHeader } from '../../commitment/common-header.ts';
import { partsCodec } from '../../commitment/composed-root.ts';
import { MAX_HEADER_BYTES } from '../../commitment/opening.ts';
import { assertDirections } from '../../commitment/sketch.ts';
import { EMBEDDING_ENDPOINTS, type EmbeddingEndpoint, MAX_INPUTS } from './request.ts';
import { MAX_DIMENSIONS } from './vector.ts';

const codec = struct({
  /** hashOrder of the order that the reply answers. */
  orderHash: hash,
  endpoint: oneOf(EMBEDDING_ENDPOINTS),
  tier: text(32),
  method: text(32),
  numericClass: text(255),
  vocabularyHash: hash,
  /** Values of a vector. A score is a vector of one value. */
  embeddingSize: within(u32, 1, MAX_DIMENSIONS),
  sketchDirections: refine(u16, assertDirections),
  sketchBankSeed: hash,
  choice: u8,
  /** hashInputTokens over all leaves. */
  promptTokensHash: hash,
  /** Tokens of all inputs together. */
  promptTokenCount: u32,
  outputTokenCount: constant(0),
  /** Number of vectors, one for each input. */
  vectorCount: within(u16, 1, MAX_INPUTS),
  /** Tokens of the longest input. A verifier's context must have room for it. */
  longestInput: u32,
  parts: partsCodec,
  payee: address,
});

/** Leaf 0 of an embedding's commitment (docs/spec/embedding.md). */
export interface EmbeddingHeader extends CommonHeader, CodecType<typeof codec> {
  readonly endpoint: EmbeddingEndpoint;
  readonly outputTokenCount: 0;
}

export const EMBEDDING_HEADER_TAG = 'ogong-header-embedding-v1';
const format = createFormat<EmbeddingHeader>(refine(codec, assertScores), {
  tag: EMBEDDING_HEADER_TAG,
  maxBytes: MAX_HEADER_BYTES,
});

export const encodeEmbeddingHeader: (header: EmbeddingHeader) => Uint8Array = format.encode;
export const parseEmbeddingHeader: (bytes: Uint8Array) => EmbeddingHeader = format.decode;

function assertScores({ endpoint, embeddingSize }: Pick<EmbeddingHeader, 'endpoint' | 'embeddingSize'>): void {
  if (endpoint !== 'rerank' || embeddingSize === 1) return;
  throw new ProtocolError('malformed', `a score of ${embeddingSize} values`);
}
