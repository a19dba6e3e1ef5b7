import type { TrajectoryInfo } from '@ogong/engine/interface/trajectory';
import type { Crypto, HybridSigner } from '@ogong/protocol/crypto/crypto';
import type { DrawKeyInputs } from '@ogong/protocol/modality/text/sampling/draw-key';
import type { PictureRequest } from '@ogong/protocol/modality/trajectory/request';
import { bindWhole, signWhole, type WholeServing } from '../commit-whole.ts';
import type { CommittedReply } from '../order-job.ts';
import { composePicture } from './compose-picture.ts';
import type { MadePicture } from './make-picture.ts';

export interface ServedPicture extends WholeServing {
  readonly request: Pick<PictureRequest, 'model' | 'endpoint'>;
  readonly info: TrajectoryInfo;
  readonly drawKey: DrawKeyInputs;
  readonly picture: MadePicture;
}

/** Header, commitment tree, blobs and signed record of a picture. ML-DSA signatures are hedged: call it once per reply. */
export async function commitPicture(
  crypto: Crypto,
  signer: HybridSigner,
  serving: ServedPicture,
): Promise<CommittedReply> {
  const { request, info, drawKey, picture } = serving;
  const bound = bindWhole(crypto, serving);
  const { opening, blobs } = await composePicture(crypto, {
    ...bound,
    endpoint: request.endpoint,
    drawKey,
    info,
    picture,
  });
  const made = { serving, opening, response: picture.pixels, tokenCount: picture.steps.length };
  return { ...signWhole(crypto, signer, made), blobs };
}
