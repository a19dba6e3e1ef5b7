import type { TensorInfo } from '@ogong/engine/interface/tensor';
import { computeBlinds } from '@ogong/protocol/commitment/blinds';
import { computeCommitment, encodeOpening } from '@ogong/protocol/commitment/opening';
import { encodeRecordV2 } from '@ogong/protocol/commitment/record';
import { hashResponse } from '@ogong/protocol/commitment/response-hash';
import { computeBankSeed } from '@ogong/protocol/commitment/sketch';
import type { Crypto, HybridSigner } from '@ogong/protocol/crypto/crypto';
import { parseModelId } from '@ogong/protocol/exchange/match';
import type { NamedOrder } from '@ogong/protocol/exchange/order';
import type { TensorRequest } from '@ogong/protocol/modality/tensor/request';
import type { Tensor } from '@ogong/protocol/modality/tensor/tensor-form';
import type { OrderBeacon } from '@ogong/protocol/stage1/common-checks';
import { getTier } from '@ogong/protocol/tier/registry';
import type { CommittedReply } from '../order-job.ts';
import { composeTensors } from './compose-tensors.ts';

export interface ServedTensors {
  readonly order: Pick<NamedOrder, 'modelRoot' | 'requestHash' | 'replyId' | 'orderHash' | 'payee' | 'choice'>;
  readonly request: TensorRequest;
  /** The exact body. */
  readonly body: Uint8Array;
  readonly info: TensorInfo;
  readonly beacon: OrderBeacon;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly startMs: number;
  readonly endMs: number;
}

/** Header, commitment tree and signed record of tensors. ML-DSA signatures are hedged: call it once per reply. */
export function commitTensors(
  crypto: Crypto,
  signer: HybridSigner,
  { order, request, body, info, beacon, inputs, outputs, startMs, endMs }: ServedTensors,
): CommittedReply {
  const { name: tier, method } = getTier(parseModelId(request.model).tier);
  const { orderHash, choice, payee } = order;
  const sketchBankSeed = computeBankSeed(crypto, order.modelRoot, beacon.previous);
  const blinds = computeBlinds(crypto, { body, replyId: order.replyId });
  const bound = { orderHash, choice, payee, tier, method, sketchBankSeed, endpoint: request.endpoint };
  const made = composeTensors(crypto, { ...bound, blinds, info, units: request.promptTokenBound, inputs, outputs });
  const { opening, response } = made;
  const { root, headerProof } = computeCommitment(crypto, opening);
  const record = encodeRecordV2({
    replyId: order.replyId,
    requestHash: order.requestHash,
    responseHash: hashResponse(crypto, blinds.answer, response),
    modelRoot: order.modelRoot,
    commitRoot: root,
    tokenCount: made.header.leafCount,
    startNs: BigInt(Math.round(startMs)) * 1_000_000n,
    endNs: BigInt(Math.round(endMs)) * 1_000_000n,
  });
  const signature = signer.sign(record);
  return { header: opening.header, headerProof, opening: encodeOpening(opening), response, record, signature };
}
