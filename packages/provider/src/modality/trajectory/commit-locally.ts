import type { TrajectoryInfo } from '@ogong/engine/interface/trajectory';
import { computeBlinds } from '@ogong/protocol/commitment/blinds';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { DrawKeyInputs } from '@ogong/protocol/modality/text/sampling/draw-key';
import type { PictureRequest } from '@ogong/protocol/modality/trajectory/request';
import { LOCAL_POSTURE } from '@ogong/protocol/tier/local';
import { computeLocalBank, NOBODY } from '@ogong/protocol/verdict/receipt/verify-local-receipt';
import { type KeptReply, toKeptReply } from '../local-reply.ts';
import { composePicture } from './compose-picture.ts';
import type { MadePicture } from './make-picture.ts';

export interface LocalPicture {
  readonly info: TrajectoryInfo;
  readonly request: Pick<PictureRequest, 'endpoint'>;
  readonly body: Uint8Array;
  readonly replyId: Uint8Array;
  readonly requestHash: Uint8Array;
  readonly drawKey: DrawKeyInputs;
  /** Number of the picture among those of the request. */
  readonly choice: number;
  readonly picture: MadePicture;
  readonly startMs: number;
  readonly endMs: number;
}

/** Commits a picture as a provider would, but unsigned. */
export async function commitPictureLocally(
  crypto: Crypto,
  { info, request, body, drawKey, choice, picture, ...given }: LocalPicture,
): Promise<KeptReply> {
  const { modelRoot } = info;
  const { endpoint } = request;
  const bound = { orderHash: NOBODY.hash, payee: NOBODY.address, choice, ...LOCAL_POSTURE, drawKey };
  const sketchBankSeed = computeLocalBank(crypto, modelRoot);
  const blinds = computeBlinds(crypto, { body, replyId: given.replyId });
  const { opening, blobs } = await composePicture(crypto, {
    ...bound,
    blinds,
    endpoint,
    sketchBankSeed,
    info,
    picture,
  });
  const tokenCount = picture.steps.length;
  const named = { modelRoot, tokenCount, endpoint, request: body, response: picture.pixels };
  return { ...toKeptReply(crypto, { ...given, opening, ...named }), blobs };
}
