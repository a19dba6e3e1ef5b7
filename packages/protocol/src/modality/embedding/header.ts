import { createReader, createWriter, ProtocolError } from '../../base/bytes.ts';
import { encodeDomain, readDomain } from '../../base/canonical.ts';
import type { CommonHeader } from '../../commitment/common-header.ts';
import { assertDirections } from '../../commitment/sketch.ts';
import { MAX_INPUTS } from './request.ts';
import { MAX_DIMENSIONS } from './vector.ts';

/**
 * Leaf 0 of an embedding's commitment (docs/spec/embedding.md). `embeddingSize` is the values of a vector, `promptTokensHash`
 * hashInputTokens over all leaves, and `promptTokenCount` the tokens of all inputs together.
 */
export interface EmbeddingHeader extends CommonHeader {
  readonly endpoint: 'embedding';
  readonly outputTokenCount: 0;
  /** Vectors, one for each input. */
  readonly vectorCount: number;
  /** Tokens of the longest input: what a verifier's context has to hold. */
  readonly longestInput: number;
}

export const EMBEDDING_HEADER_TAG = 'ogong-header-embedding-v1';
const DOMAIN = encodeDomain(EMBEDDING_HEADER_TAG);
const MAX_ADAPTERS = 8;

export function encodeEmbeddingHeader(header: EmbeddingHeader): Uint8Array {
  assertRanges(header);
  const writer = createWriter(512)
    .bytes(DOMAIN)
    .text(header.tier)
    .text(header.method)
    .text(header.numericClass)
    .bytes(header.vocabularyHash, 32)
    .u32(header.embeddingSize)
    .u16(header.sketchDirections)
    .bytes(header.sketchBankSeed, 32)
    .u8(header.choice)
    .bytes(header.promptTokensHash, 32)
    .u32(header.promptTokenCount)
    .u16(header.vectorCount)
    .u32(header.longestInput)
    .u8(header.adapters.length);
  for (const adapter of header.adapters) writer.bytes(adapter, 32);
  return writer.bytes(header.payee, 20).finish();
}

/** @throws ProtocolError for anything that encodeEmbeddingHeader would not have written. */
export function parseEmbeddingHeader(bytes: Uint8Array): EmbeddingHeader {
  const reader = createReader(bytes);
  readDomain(reader, DOMAIN, 'header of an embedding');
  const fields = {
    endpoint: 'embedding' as const,
    tier: reader.text(32),
    method: reader.text(32),
    numericClass: reader.text(255),
    vocabularyHash: reader.bytes(32),
    embeddingSize: reader.u32(),
    sketchDirections: reader.u16(),
    sketchBankSeed: reader.bytes(32),
    choice: reader.u8(),
    promptTokensHash: reader.bytes(32),
    promptTokenCount: reader.u32(),
    outputTokenCount: 0 as const,
    vectorCount: reader.u16(),
    longestInput: reader.u32(),
  };
  const adapters = reader.u8();
  if (adapters > MAX_ADAPTERS) throw new ProtocolError('too-large', `${adapters} adapters, at most ${MAX_ADAPTERS}`);
  const header = {
    ...fields,
    adapters: Array.from({ length: adapters }, () => reader.bytes(32)),
    payee: reader.bytes(20),
  };
  reader.end();
  assertRanges(header);
  return header;
}

function assertRanges({ embeddingSize, sketchDirections, vectorCount }: EmbeddingHeader): void {
  assertDirections(sketchDirections);
  if (embeddingSize < 1 || embeddingSize > MAX_DIMENSIONS) {
    throw new ProtocolError('out-of-range', `vectors of ${embeddingSize} values`);
  }
  if (vectorCount < 1 || vectorCount > MAX_INPUTS) throw new ProtocolError('out-of-range', `${vectorCount} vectors`);
}
