import type { TrajectoryInfo } from '@ogong/engine/interface/trajectory';
import { computeBlinds } from '@ogong/protocol/commitment/blinds';
import { computeCommitment, encodeOpening } from '@ogong/protocol/commitment/opening';
import { encodeRecordV2 } from '@ogong/protocol/commitment/record';
import { hashResponse } from '@ogong/protocol/commitment/response-hash';
import { computeBankSeed } from '@ogong/protocol/commitment/sketch';
import type { Crypto, HybridSigner } from '@ogong/protocol/crypto/crypto';
import { parseModelId } from '@ogong/protocol/exchange/match';
import type { NamedOrder } from '@ogong/protocol/exchange/order';
import type { DrawKeyInputs } from '@ogong/protocol/modality/text/sampling/draw-key';
import type { PictureRequest } from '@ogong/protocol/modality/trajectory/request';
import type { OrderBeacon } from '@ogong/protocol/stage1/common-checks';
import { getTier } from '@ogong/protocol/tier/registry';
import type { CommittedReply } from '../order-job.ts';
import { composePicture } from './compose-picture.ts';
import type { MadePicture } from './make-picture.ts';

export interface ServedPicture {
  readonly order: Pick<NamedOrder, 'modelRoot' | 'requestHash' | 'replyId' | 'orderHash' | 'payee' | 'choice'>;
  readonly request: Pick<PictureRequest, 'model' | 'endpoint'>;
  /** The exact body. */
  readonly body: Uint8Array;
  readonly info: TrajectoryInfo;
  readonly beacon: OrderBeacon;
  readonly drawKey: DrawKeyInputs;
  readonly picture: MadePicture;
  readonly startMs: number;
  readonly endMs: number;
}

/** Header, commitment tree, blobs and signed record of a picture. ML-DSA signatures are hedged: call it once per reply. */
export async function commitPicture(
  crypto: Crypto,
  signer: HybridSigner,
  { order, request, body, info, beacon, drawKey, picture, startMs, endMs }: ServedPicture,
): Promise<CommittedReply> {
  const { name: tier, method } = getTier(parseModelId(request.model).tier);
  const sketchBankSeed = computeBankSeed(crypto, order.modelRoot, beacon.previous);
  const { orderHash, choice, payee } = order;
  const blinds = computeBlinds(crypto, { body, replyId: order.replyId });
  const bound = { orderHash, choice, payee, tier, method, sketchBankSeed, drawKey, endpoint: request.endpoint };
  const { opening, blobs } = await composePicture(crypto, { ...bound, blinds, info, picture });
  const { root, headerProof } = computeCommitment(crypto, opening);
  const response = picture.pixels;
  const record = encodeRecordV2({
    replyId: order.replyId,
    requestHash: order.requestHash,
    responseHash: hashResponse(crypto, blinds.answer, response),
    modelRoot: order.modelRoot,
    commitRoot: root,
    tokenCount: picture.steps.length,
    startNs: BigInt(Math.round(startMs)) * 1_000_000n,
    endNs: BigInt(Math.round(endMs)) * 1_000_000n,
  });
  const signature = signer.sign(record);
  return { header: opening.header, headerProof, opening: encodeOpening(opening), response, record, signature, blobs };
}
