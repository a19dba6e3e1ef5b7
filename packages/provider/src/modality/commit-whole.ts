import { type Blinds, computeBlinds } from '@ogong/protocol/commitment/blinds';
import { computeCommitment, encodeOpening, type Opening } from '@ogong/protocol/commitment/opening';
import { encodeRecordV2 } from '@ogong/protocol/commitment/record';
import { hashResponse } from '@ogong/protocol/commitment/response-hash';
import { computeBankSeed } from '@ogong/protocol/commitment/sketch';
import type { Crypto, HybridSigner } from '@ogong/protocol/crypto/crypto';
import { parseModelId } from '@ogong/protocol/exchange/match';
import type { NamedOrder } from '@ogong/protocol/exchange/order';
import type { OrderBeacon } from '@ogong/protocol/stage1/common-checks';
import { getTier } from '@ogong/protocol/tier/registry';
import type { CommittedReply } from './order-job.ts';

/** The order of a reply that leaves in one piece, and the times of its work. */
export interface WholeServing {
  readonly order: Pick<NamedOrder, 'modelRoot' | 'requestHash' | 'replyId' | 'orderHash' | 'payee' | 'choice'>;
  readonly request: { readonly model: string };
  /** The exact body. */
  readonly body: Uint8Array;
  readonly beacon: OrderBeacon;
  readonly startMs: number;
  readonly endMs: number;
}

/** Returns the fields of a header that order, tier and beacon fix, and the blinds of the reply. */
export function bindWhole(crypto: Crypto, { order, request, body, beacon }: WholeServing) {
  const { name: tier, method } = getTier(parseModelId(request.model).tier);
  const { orderHash, choice, payee, replyId, modelRoot } = order;
  const sketchBankSeed = computeBankSeed(crypto, modelRoot, beacon.previous);
  const blinds: Blinds = computeBlinds(crypto, { body, replyId });
  return { orderHash, choice, payee, tier, method, sketchBankSeed, blinds };
}

/** Signs the record of a composed reply. ML-DSA signatures are hedged: call it once per reply. */
export function signWhole(
  crypto: Crypto,
  signer: HybridSigner,
  {
    serving: { order, startMs, endMs },
    opening,
    response,
    tokenCount,
  }: {
    readonly serving: WholeServing;
    readonly opening: Opening;
    readonly response: Uint8Array;
    /** Leaves, as the modality counts them. */
    readonly tokenCount: number;
  },
): CommittedReply {
  const { root, headerProof } = computeCommitment(crypto, opening);
  const { replyId, requestHash, modelRoot } = order;
  const record = encodeRecordV2({
    ...{ replyId, requestHash, modelRoot, tokenCount },
    responseHash: hashResponse(crypto, opening.blind, response),
    commitRoot: root,
    startNs: BigInt(Math.round(startMs)) * 1_000_000n,
    endNs: BigInt(Math.round(endMs)) * 1_000_000n,
  });
  const signature = signer.sign(record);
  return { header: opening.header, headerProof, opening: encodeOpening(opening), response, record, signature };
}
