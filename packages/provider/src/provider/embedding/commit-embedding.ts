import type { EmbeddedInput, EmbeddingInfo } from '@ogong/engine/interface/embedding';
import { computeCommitment, encodeOpening } from '@ogong/protocol/commitment/opening';
import { encodeRecordV2 } from '@ogong/protocol/commitment/record';
import { hashResponse } from '@ogong/protocol/commitment/response-hash';
import { computeBankSeed, createSketchBank, DEFAULT_DIRECTIONS } from '@ogong/protocol/commitment/sketch';
import type { Crypto, HybridSigner } from '@ogong/protocol/crypto/crypto';
import { parseModelId } from '@ogong/protocol/exchange/match';
import type { NamedOrder } from '@ogong/protocol/exchange/order';
import { type EmbeddingHeader, encodeEmbeddingHeader } from '@ogong/protocol/modality/embedding/header';
import { encodeEmbeddingLeaf, hashInputTokens, sketchVector } from '@ogong/protocol/modality/embedding/leaf';
import { encodeEmbeddingResponse } from '@ogong/protocol/modality/embedding/replay';
import type { EmbeddingRequest } from '@ogong/protocol/modality/embedding/request';
import { hashTokens } from '@ogong/protocol/modality/text/commitment/header';
import type { OrderBeacon } from '@ogong/protocol/stage1/common-checks';
import { getTier } from '@ogong/protocol/tier/registry';
import type { CommittedReply } from '../commit-reply.ts';

export interface ServedEmbedding {
  readonly order: Pick<NamedOrder, 'modelRoot' | 'requestHash' | 'replyId' | 'orderHash' | 'payee' | 'choice'>;
  readonly request: EmbeddingRequest;
  readonly info: EmbeddingInfo;
  readonly beacon: OrderBeacon;
  readonly inputs: readonly EmbeddedInput[];
  readonly startMs: number;
  readonly endMs: number;
}

/** Header, commitment tree and signed record of an embedding. ML-DSA signatures are hedged: call it once per reply. */
export function commitEmbedding(
  crypto: Crypto,
  signer: HybridSigner,
  { order, request, info, beacon, inputs, startMs, endMs }: ServedEmbedding,
): CommittedReply {
  const bankSeed = computeBankSeed(crypto, order.modelRoot, beacon.previous);
  const { embeddingSize } = info;
  const bank = createSketchBank(crypto, { bankSeed, directions: DEFAULT_DIRECTIONS, embeddingSize });
  const leaves = inputs.map(({ tokens, vector }) => ({
    ...{ tokenCount: tokens.length, tokensHash: hashTokens(crypto, tokens), vector },
    sketch: sketchVector(bank, vector),
  }));
  const tier = getTier(parseModelId(request.model).tier);
  const header: EmbeddingHeader = {
    orderHash: order.orderHash,
    endpoint: 'embedding',
    tier: tier.name,
    method: tier.method,
    numericClass: info.numericClass,
    vocabularyHash: info.vocabularyHash,
    embeddingSize,
    sketchDirections: DEFAULT_DIRECTIONS,
    sketchBankSeed: bankSeed,
    choice: order.choice,
    promptTokensHash: hashInputTokens(crypto, leaves),
    promptTokenCount: leaves.reduce((sum, { tokenCount }) => sum + tokenCount, 0),
    outputTokenCount: 0,
    vectorCount: leaves.length,
    longestInput: leaves.reduce((most, { tokenCount }) => Math.max(most, tokenCount), 0),
    parts: [],
    payee: order.payee,
  };
  const opening = {
    header: encodeEmbeddingHeader(header),
    windows: leaves.map(encodeEmbeddingLeaf).map(({ values, sketch }) => ({ draws: values, sketch })),
  };
  const { root, headerProof } = computeCommitment(crypto, opening);
  const response = encodeEmbeddingResponse(leaves.map(({ vector }) => vector));
  const record = encodeRecordV2({
    replyId: order.replyId,
    requestHash: order.requestHash,
    responseHash: hashResponse(crypto, response),
    modelRoot: order.modelRoot,
    commitRoot: root,
    tokenCount: leaves.length,
    startNs: BigInt(Math.round(startMs)) * 1_000_000n,
    endNs: BigInt(Math.round(endMs)) * 1_000_000n,
  });
  const signature = signer.sign(record);
  return { header: opening.header, headerProof, opening: encodeOpening(opening), response, record, signature };
}
