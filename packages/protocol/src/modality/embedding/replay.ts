import { concatBytes, equalBytes, ProtocolError, toHex } from '../../base/bytes.ts';
import { type Check, check, fail, pass } from '../../base/checks.ts';
import type { RecordV2 } from '../../commitment/record.ts';
import { hashResponse } from '../../commitment/response-hash.ts';
import { createSketchBank } from '../../commitment/sketch.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { MAX_RESPONSE_BYTES } from '../../exchange/limits.ts';
import { checkPosture } from '../../tier/posture.ts';
import { TIERS } from '../../tier/registry.ts';
import type { TierEntry } from '../../tier/tier.ts';
import { type EmbeddingHeader, parseEmbeddingHeader } from './header.ts';
import {
  type EmbeddingLeaf,
  type EmbeddingLeafBytes,
  hashInputTokens,
  parseEmbeddingLeaf,
  sketchVector,
} from './leaf.ts';
import { encodeVector, hasUnitNorm, VALUE_BYTES } from './vector.ts';

export interface EmbeddingReplay {
  readonly checks: readonly Check[];
  /** The header, if there is one. */
  readonly header: EmbeddingHeader | undefined;
  /** Empty unless every leaf parsed. */
  readonly leaves: readonly EmbeddingLeaf[];
}

/**
 * Runs stage 1 of an embedding: the checks of its own opening without a model (docs/spec/embedding.md). The caller must have
 * checked that the leaves hash to the signed root.
 */
export function replayEmbedding(
  crypto: Crypto,
  record: Pick<RecordV2, 'tokenCount' | 'responseHash'>,
  opening: { readonly blind: Uint8Array; readonly header: Uint8Array; readonly leaves: readonly EmbeddingLeafBytes[] },
  tiers: readonly TierEntry[] = TIERS,
): EmbeddingReplay {
  let header: EmbeddingHeader;
  let leaves: EmbeddingLeaf[];
  try {
    header = parseEmbeddingHeader(opening.header);
    assertSize(header, opening.leaves.length);
    const size = { dimensions: header.embeddingSize, directions: header.sketchDirections };
    leaves = opening.leaves.map((leaf) => parseEmbeddingLeaf(leaf, size));
  } catch (error) {
    return { checks: [fail('commitment-form', (error as Error).message)], header: undefined, leaves: [] };
  }
  const checks = [
    pass('commitment-form', `${leaves.length} vectors of ${header.embeddingSize} values`),
    checkPosture(header, tiers),
    checkCounts(crypto, record, header, leaves),
    checkVectors(crypto, record, { blind: opening.blind, leaves }),
    checkNorms(header, leaves),
    checkSketches(crypto, header, leaves),
  ];
  return { checks, header, leaves };
}

/** Asserts the size before any computation. An opening has room for fifty times the served limit. @throws ProtocolError */
function assertSize({ embeddingSize }: EmbeddingHeader, count: number): void {
  const sizeBytes = VALUE_BYTES * embeddingSize * count;
  if (sizeBytes <= MAX_RESPONSE_BYTES) return;
  throw new ProtocolError('too-large', `${sizeBytes} bytes of vectors, at most ${MAX_RESPONSE_BYTES} are served`);
}

function checkCounts(
  crypto: Crypto,
  record: Pick<RecordV2, 'tokenCount'>,
  header: EmbeddingHeader,
  leaves: readonly EmbeddingLeaf[],
): Check {
  const id = 'token-count';
  if (leaves.length !== record.tokenCount || leaves.length !== header.vectorCount) {
    return fail(id, `record says ${record.tokenCount} vectors, header ${header.vectorCount}, leaves ${leaves.length}`);
  }
  const tokens = leaves.reduce((sum, { tokenCount }) => sum + tokenCount, 0);
  if (tokens !== header.promptTokenCount) {
    return fail(id, `the inputs have ${tokens} tokens, the header bills ${header.promptTokenCount}`);
  }
  const longest = leaves.reduce((most, { tokenCount }) => Math.max(most, tokenCount), 0);
  if (longest !== header.longestInput) {
    return fail(id, `the longest input has ${longest} tokens, the header says ${header.longestInput}`);
  }
  return check(id, equalBytes(hashInputTokens(crypto, leaves), header.promptTokensHash), [
    `${leaves.length} vectors of inputs with ${tokens} tokens in all`,
    "the inputs' tokens are not the ones that the header hashes",
  ]);
}

/** Checks that the served bytes are the committed vectors, in order. */
function checkVectors(
  crypto: Crypto,
  record: Pick<RecordV2, 'responseHash'>,
  { blind, leaves }: { readonly blind: Uint8Array; readonly leaves: readonly EmbeddingLeaf[] },
): Check {
  const response = hashResponse(crypto, blind, encodeEmbeddingResponse(leaves.map(({ vector }) => vector)));
  return check('vectors', equalBytes(response, record.responseHash), [
    `the committed vectors are the signed response, ${toHex(response.subarray(0, 6))}`,
    'the committed vectors are not the signed response',
  ]);
}

/** Encodes the canonical response: every vector's bytes, in the order of the inputs. */
export function encodeEmbeddingResponse(vectors: readonly Float32Array[]): Uint8Array {
  return concatBytes(...vectors.map(encodeVector));
}

function checkNorms({ endpoint }: EmbeddingHeader, leaves: readonly EmbeddingLeaf[]): Check {
  if (endpoint === 'rerank') return pass('unit-norm', `${leaves.length} scores, which have any length`);
  const wrong = leaves.findIndex(({ vector }) => !hasUnitNorm(vector));
  if (wrong >= 0) return fail('unit-norm', `vector ${wrong} does not have length one`, wrong);
  return pass('unit-norm', `${leaves.length} vectors of length one`);
}

/** Checks sketches. The opening shows the whole vector, so everybody can recompute its sketch bit for bit. */
function checkSketches(crypto: Crypto, header: EmbeddingHeader, leaves: readonly EmbeddingLeaf[]): Check {
  const { sketchBankSeed: bankSeed, sketchDirections: directions, embeddingSize } = header;
  const bank = createSketchBank(crypto, { bankSeed, directions, embeddingSize });
  const wrong = leaves.findIndex(({ vector, sketch }) => {
    const own = sketchVector(bank, vector);
    return own.exponent !== sketch.exponent || own.values.some((value, j) => value !== sketch.values[j]);
  });
  if (wrong >= 0) return fail('sketch', `the sketch of vector ${wrong} is not the vector's`, wrong);
  return pass('sketch', `${leaves.length} sketches recomputed from their vectors`);
}
