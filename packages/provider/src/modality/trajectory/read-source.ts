import type { TrajectoryInfo } from '@ogong/engine/interface/trajectory';
import { readMask, readSourcePicture } from '@ogong/engine/pixels/source-picture';
import { mediaBytes, type RequestMedia } from '@ogong/protocol/modality/media/media';
import type { PictureSize } from '@ogong/protocol/modality/trajectory/picture-size';
import type { PictureRequest } from '@ogong/protocol/modality/trajectory/request';

/** The pixels of a picture to change, in the size of the new picture. */
export interface SourcePixels {
  /** RGB8, row by row. */
  readonly pixels: Uint8Array;
  /** 1 for each place of the latent that is painted again; undefined without a mask. */
  readonly mask: Float32Array | undefined;
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
