import { utf8Encode } from '@ogong/protocol/base/bytes';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import type { Blinds } from '@ogong/protocol/commitment/blinds';
import { hashResponse } from '@ogong/protocol/commitment/response-hash';
import { createSketchBank, DEFAULT_DIRECTIONS } from '@ogong/protocol/commitment/sketch';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { type EmbeddingHeader, encodeEmbeddingHeader } from '@ogong/protocol/modality/embedding/header';
import {
  type EmbeddingLeaf,
  type EmbeddingLeafBytes,
  encodeEmbeddingLeaf,
  hashInputTokens,
  sketchVector,
} from '@ogong/protocol/modality/embedding/leaf';
import { encodeEmbeddingResponse } from '@ogong/protocol/modality/embedding/replay';
import type { EmbeddingReport } from '@ogong/protocol/modality/embedding/report';
import { encodeVector, normaliseVector, toScoreVector } from '@ogong/protocol/modality/embedding/vector';
import { hashTokens } from '@ogong/protocol/modality/text/commitment/header';
import { getTier } from '@ogong/protocol/tier/registry';

/** An embedding without a model: tokens are bytes, and vectors follow from a seed. */
export interface SyntheticEmbedding {
  readonly header: EmbeddingHeader;
  readonly leaves: readonly EmbeddingLeaf[];
  readonly opening: {
    readonly blind: Uint8Array;
    readonly header: Uint8Array;
    readonly leaves: readonly EmbeddingLeafBytes[];
  };
  readonly record: { readonly tokenCount: number; readonly responseHash: Uint8Array };
  readonly response: Uint8Array;
  /** The report of an honest verifier in the same class. */
  readonly report: EmbeddingReport;
}

export interface SyntheticEmbeddingOptions {
  readonly crypto: Crypto;
  readonly inputs?: readonly string[];
  readonly embeddingSize?: number;
  /** Scores of documents instead of vectors. Default: false. */
  readonly reranks?: boolean;
  readonly numericClass?: string;
  /** Seed of the weights. */
  readonly seed?: number;
  /** Added to every raw value, times a random number between -1 and 1: slightly different weights. */
  readonly noise?: number;
  readonly tier?: string;
  /** Blinds of the answered request. Default: made up, for no request. */
  readonly blinds?: Blinds;
  /** Header fields that order and beacon decide. Default: made up. */
  readonly fixed?: Pick<EmbeddingHeader, 'orderHash' | 'sketchBankSeed' | 'payee'>;
}

export const SYNTHETIC_INPUTS: readonly string[] = ['one small step', 'a second input', 'é'];
/** Scores lie between its negative and itself. */
const SCORE_SCALE = 4;
/** Blinds of no request. */
const BLINDS: Blinds = { prompt: new Uint8Array(32).fill(0xb1), answer: new Uint8Array(32).fill(0xb2) };
const EXACT_CLASS = 'fake-1/js/f64/exact/hash/kv-none';

export function createSyntheticEmbedding(options: SyntheticEmbeddingOptions): SyntheticEmbedding {
  const { crypto, inputs = SYNTHETIC_INPUTS, reranks = false, seed = 7, noise = 0, tier = 'verified' } = options;
  const { numericClass = EXACT_CLASS, embeddingSize = reranks ? 1 : 24 } = options;
  const { blinds = BLINDS, fixed } = options;
  const bankSeed = fixed?.sketchBankSeed ?? new Uint8Array(32).fill(9);
  const bank = createSketchBank(crypto, { bankSeed, directions: DEFAULT_DIRECTIONS, embeddingSize });
  const shake = createSeededRandom(seed + 1);
  const leaves = inputs.map((input, index) => {
    const random = createSeededRandom(1000 * seed + index);
    const tokens = utf8Encode(input);
    const raw = Float32Array.from(
      { length: embeddingSize },
      () => 2 * random() - 1 + (noise === 0 ? 0 : noise * (2 * shake() - 1)),
    );
    const vector = reranks ? toScoreVector(raw.map((value) => SCORE_SCALE * value)) : normaliseVector(raw);
    return {
      tokenCount: tokens.length,
      tokensHash: hashTokens(crypto, blinds.prompt, tokens),
      vector,
      sketch: sketchVector(bank, vector),
    };
  });
  const header: EmbeddingHeader = {
    orderHash: fixed?.orderHash ?? new Uint8Array(32).fill(6),
    endpoint: reranks ? 'rerank' : 'embedding',
    tier,
    method: getTier(tier).method,
    numericClass,
    vocabularyHash: new Uint8Array(32).fill(5),
    embeddingSize,
    sketchDirections: DEFAULT_DIRECTIONS,
    sketchBankSeed: bankSeed,
    choice: 0,
    promptTokensHash: hashInputTokens(crypto, leaves),
    promptTokenCount: leaves.reduce((sum, { tokenCount }) => sum + tokenCount, 0),
    outputTokenCount: 0,
    vectorCount: leaves.length,
    longestInput: Math.max(...leaves.map(({ tokenCount }) => tokenCount)),
    parts: [],
    payee: fixed?.payee ?? new Uint8Array(20).fill(6),
  };
  const response = encodeEmbeddingResponse(leaves.map(({ vector }) => vector));
  return {
    header,
    leaves,
    opening: { blind: blinds.answer, header: encodeEmbeddingHeader(header), leaves: leaves.map(encodeEmbeddingLeaf) },
    record: { tokenCount: leaves.length, responseHash: hashResponse(crypto, blinds.answer, response) },
    response,
    report: {
      jobId: new Uint8Array(16).fill(1),
      modelRoot: new Uint8Array(32).fill(2),
      numericClass,
      exact: numericClass === EXACT_CLASS,
      vocabularyHash: header.vocabularyHash,
      embeddingSize,
      sketchDirections: DEFAULT_DIRECTIONS,
      elapsedMs: 3,
      inputs: leaves.map(({ vector, ...leaf }) => ({ ...leaf, vectorHash: crypto.sha256(encodeVector(vector)) })),
    },
  };
}
