import type { TrajectoryInfo } from '@ogong/engine/interface/trajectory';
import { readMask, readSourcePicture } from '@ogong/engine/pixels/source-picture';
import { ProtocolError } from '@ogong/protocol/base/bytes';
import { mediaBytes, type RequestMedia } from '@ogong/protocol/modality/media/media';
import { RequestError } from '@ogong/protocol/modality/shared/request-error';
import { decodeValues } from '@ogong/protocol/modality/shared/values';
import { countLatentValues, countPlaces, type PictureChoices } from '@ogong/protocol/modality/trajectory/header';
import type { PictureSize } from '@ogong/protocol/modality/trajectory/picture-size';
import type { PictureRequest } from '@ogong/protocol/modality/trajectory/request';
import { computeLatentBound } from '@ogong/protocol/modality/trajectory/schedule/latent-bound';
import type { SignalAndNoise } from '@ogong/protocol/modality/trajectory/schedule/schedule';
import { planSchedule } from '@ogong/protocol/modality/trajectory/schedule/scheduler-config';

/** The pixels of a picture to change, in the size of the new picture. */
export interface SourcePixels {
  /** RGB8, row by row. */
  readonly pixels: Uint8Array;
  /** 1 for each place of the latent that is painted again; undefined without a mask. */
  readonly mask: Float32Array | undefined;
}

/**
 * Reads the latent that a later link of a chain begins with. It is checked before anybody agrees to the order, so that no payer can make a
 * network overflow.
 * @returns undefined for all other pictures.
 * @throws RequestError for a latent of another size, or with a value that is not finite or beyond computeLatentBound.
 */
export function readLatent(
  { range }: Pick<PictureRequest, 'range'>,
  media: RequestMedia,
  { choices, info }: { readonly choices: PictureChoices; readonly info: TrajectoryInfo },
): Float32Array | undefined {
  if (range?.latent === undefined) return undefined;
  try {
    const values = decodeValues(mediaBytes(range.latent, media), countLatentValues(choices, info));
    const { mixes } = planSchedule(info.scheduler, choices.steps, choices.sampler, {
      ...{ firstStep: range.firstStep, lastStep: range.lastStep, places: countPlaces(choices, info) },
    });
    const bound = computeLatentBound(mixes[0] as SignalAndNoise);
    const at = values.findIndex((value) => Math.abs(value) > bound);
    if (at >= 0)
      throw new ProtocolError(
        'out-of-range',
        `value ${at} is ${values[at]}, and no picture has more than ${bound} here`,
      );
    return values;
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    throw new RequestError(`latent: ${cause.message}`, 'latent', 'invalid_media', { cause });
  }
}

/**
 * Reads the files of a picture to change.
 * @returns undefined for a picture from noise alone.
 * @throws EngineError `invalid-request` for a file that is no picture; RequestError if the request came without it.
 */
export async function readSource(
  { source }: Pick<PictureRequest, 'source'>,
  media: RequestMedia,
  {
    size: { width, height },
    info: { latentScale },
  }: { readonly size: PictureSize; readonly info: Pick<TrajectoryInfo, 'latentScale'> },
): Promise<SourcePixels | undefined> {
  if (source === undefined) return undefined;
  const size = { width, height };
  const pixels = await readSourcePicture(mediaBytes(source.picture, media), size);
  const mask =
    source.mask === undefined ? undefined : await readMask(mediaBytes(source.mask, media), size, latentScale);
  return { pixels, mask };
}
