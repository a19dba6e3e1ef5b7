import type { EmbeddedInput, EmbeddingInfo } from '@ogong/engine/interface/embedding';
import type { Blinds } from '@ogong/protocol/commitment/blinds';
import type { Opening } from '@ogong/protocol/commitment/opening';
import { createSketchBank, DEFAULT_DIRECTIONS } from '@ogong/protocol/commitment/sketch';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { type EmbeddingHeader, encodeEmbeddingHeader } from '@ogong/protocol/modality/embedding/header';
import { encodeEmbeddingLeaf, hashInputTokens, sketchVector } from '@ogong/protocol/modality/embedding/leaf';
import { encodeEmbeddingResponse } from '@ogong/protocol/modality/embedding/replay';
import { hashTokens } from '@ogong/protocol/modality/text/commitment/header';

/** Vectors as an engine gave them, and what bound them. */
export interface EmbeddingParts
  extends Pick<EmbeddingHeader, 'orderHash' | 'endpoint' | 'tier' | 'method' | 'choice' | 'payee' | 'sketchBankSeed'> {
  readonly blinds: Blinds;
  readonly info: EmbeddingInfo;
  readonly inputs: readonly EmbeddedInput[];
}

/** Composes the committed leaves, and the canonical bytes of the answer. */
export function composeEmbedding(
  crypto: Crypto,
  { blinds, info, inputs, sketchBankSeed, ...bound }: EmbeddingParts,
): { readonly opening: Opening; readonly response: Uint8Array } {
  const { numericClass, vocabularyHash } = info;
  const embeddingSize = inputs[0]?.vector.length ?? info.embeddingSize;
  const bank = createSketchBank(crypto, { bankSeed: sketchBankSeed, directions: DEFAULT_DIRECTIONS, embeddingSize });
  const leaves = inputs.map(({ tokens, vector }) => ({
    ...{ tokenCount: tokens.length, tokensHash: hashTokens(crypto, blinds.prompt, tokens), vector },
    sketch: sketchVector(bank, vector),
  }));
  const header: EmbeddingHeader = {
    orderHash: bound.orderHash,
    endpoint: bound.endpoint,
    ...{ tier: bound.tier, method: bound.method, numericClass, vocabularyHash, embeddingSize },
    ...{ sketchDirections: DEFAULT_DIRECTIONS, sketchBankSeed, choice: bound.choice },
    promptTokensHash: hashInputTokens(crypto, leaves),
    promptTokenCount: leaves.reduce((sum, { tokenCount }) => sum + tokenCount, 0),
    outputTokenCount: 0,
    vectorCount: leaves.length,
    longestInput: leaves.reduce((most, { tokenCount }) => Math.max(most, tokenCount), 0),
    parts: [],
    payee: bound.payee,
  };
  const windows = leaves.map(encodeEmbeddingLeaf).map(({ values, sketch }) => ({ draws: values, sketch }));
  return {
    opening: { blind: blinds.answer, header: encodeEmbeddingHeader(header), windows },
    response: encodeEmbeddingResponse(leaves.map(({ vector }) => vector)),
  };
}
