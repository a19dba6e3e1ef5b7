import type { EmbeddedInput, EmbeddingInfo } from '@ogong/engine/interface/embedding';
import { computeBlinds } from '@ogong/protocol/commitment/blinds';
import { computeCommitment, encodeOpening } from '@ogong/protocol/commitment/opening';
import { encodeRecordV2 } from '@ogong/protocol/commitment/record';
import { hashResponse } from '@ogong/protocol/commitment/response-hash';
import { computeBankSeed } from '@ogong/protocol/commitment/sketch';
import type { Crypto, HybridSigner } from '@ogong/protocol/crypto/crypto';
import { parseModelId } from '@ogong/protocol/exchange/match';
import type { NamedOrder } from '@ogong/protocol/exchange/order';
import type { EmbeddingRequest } from '@ogong/protocol/modality/embedding/request';
import type { OrderBeacon } from '@ogong/protocol/stage1/common-checks';
import { getTier } from '@ogong/protocol/tier/registry';
import type { CommittedReply } from '../order-job.ts';
import { composeEmbedding } from './compose-embedding.ts';

export interface ServedEmbedding {
  readonly order: Pick<NamedOrder, 'modelRoot' | 'requestHash' | 'replyId' | 'orderHash' | 'payee' | 'choice'>;
  readonly request: EmbeddingRequest;
  /** The exact body. */
  readonly body: Uint8Array;
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
  { order, request, body, info, beacon, inputs, startMs, endMs }: ServedEmbedding,
): CommittedReply {
  const { name: tier, method } = getTier(parseModelId(request.model).tier);
  const sketchBankSeed = computeBankSeed(crypto, order.modelRoot, beacon.previous);
  const { orderHash, choice, payee } = order;
  const bound = { orderHash, choice, payee, tier, method, sketchBankSeed };
  const blinds = computeBlinds(crypto, { body, replyId: order.replyId });
  const parts = { ...bound, blinds, endpoint: request.endpoint, info, inputs };
  const { opening, response } = composeEmbedding(crypto, parts);
  const { root, headerProof } = computeCommitment(crypto, opening);
  const record = encodeRecordV2({
    replyId: order.replyId,
    requestHash: order.requestHash,
    responseHash: hashResponse(crypto, blinds.answer, response),
    modelRoot: order.modelRoot,
    commitRoot: root,
    tokenCount: inputs.length,
    startNs: BigInt(Math.round(startMs)) * 1_000_000n,
    endNs: BigInt(Math.round(endMs)) * 1_000_000n,
  });
  const signature = signer.sign(record);
  return { header: opening.header, headerProof, opening: encodeOpening(opening), response, record, signature };
}
