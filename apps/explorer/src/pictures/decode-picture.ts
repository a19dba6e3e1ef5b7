import { fromBase64 } from '@ogong/protocol/base/bytes';
import { MAX_PICTURE_BYTES } from '@ogong/protocol/exchange/limits';
import type { DrawnPicture } from './drawn-picture.ts';

/** Three bytes a pixel. */
const MOST_PIXELS = Math.floor(MAX_PICTURE_BYTES / 3);
/** The sides in the header of a PNG, after its signature, length and name. */
const SIDES_AT = 16;

/**
 * Decodes a PNG of a gateway to the pixels that the page shows. Colour profiles change nothing, so these are the values in the file.
 * @throws Error if it is no picture, or has more pixels than a picture of the network.
 */
export async function decodePicture(base64: string): Promise<DrawnPicture> {
  const bytes = fromBase64(base64);
  const sides = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < SIDES_AT + 8 || sides.getUint32(SIDES_AT) * sides.getUint32(SIDES_AT + 4) > MOST_PIXELS)
    throw new Error('The gateway sent no picture of the network.');
  const bitmap = await createImageBitmap(new Blob([bytes as Uint8Array<ArrayBuffer>], { type: 'image/png' }), {
    ...{ colorSpaceConversion: 'none', premultiplyAlpha: 'none' },
  });
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext('2d');
  context?.drawImage(bitmap, 0, 0);
  bitmap.close();
  const rgba = context?.getImageData(0, 0, width, height).data ?? new Uint8ClampedArray(0);
  return { width, height, pixels: Uint8Array.from(rgba.filter((_, i) => i % 4 < 3)) };
}
