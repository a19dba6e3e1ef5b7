import { decodeOpacity, decodePicture } from './decode-picture.ts';
import { resizeRaster } from './resize.ts';

/** Pixels. */
interface Size {
  readonly width: number;
  readonly height: number;
}

/** Opacity below which a pixel of a mask is painted again. */
const HALF_OPAQUE = 128;

/**
 * Reads a picture to change: decoded, transparent pixels on white, and resized to the size of the new picture.
 * @param file a PNG, JPEG, WebP or GIF.
 * @returns RGB8, row by row.
 * @throws EngineError `invalid-request`
 */
export async function readSourcePicture(file: Uint8Array, size: Size): Promise<Uint8Array> {
  const { width, height, rgb: data } = await decodePicture(file);
  return resizeRaster({ width, height, channels: 3, data }, { ...size, filter: 'lanczos' }).data;
}

/**
 * Reads a mask, as OpenAI's API has it: its transparent pixels are painted again.
 * @param file a PNG, WebP or GIF; one without transparency paints nothing again.
 * @param latentScale pixels of one place of the latent along a side.
 * @returns for each place of the latent 1 if its pixels are transparent on average, else 0; row by row.
 * @throws EngineError `invalid-request`
 */
export async function readMask(file: Uint8Array, size: Size, latentScale: number): Promise<Float32Array> {
  const { data } = resizeRaster(await decodeOpacity(file), { ...size, filter: 'bilinear' });
  const columns = size.width / latentScale;
  const rows = size.height / latentScale;
  return Float32Array.from({ length: rows * columns }, (_, place) => {
    const top = Math.floor(place / columns) * latentScale;
    const left = (place % columns) * latentScale;
    let sum = 0;
    for (let y = top; y < top + latentScale; y++) {
      for (let x = left; x < left + latentScale; x++) sum += data[y * size.width + x] as number;
    }
    return sum < HALF_OPAQUE * latentScale * latentScale ? 1 : 0;
  });
}
