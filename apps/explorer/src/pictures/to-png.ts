import type { DrawnPicture } from './drawn-picture.ts';

/** Copies RGB8 into an image of a canvas. */
export function toImageData({ width, height, pixels }: DrawnPicture): ImageData {
  const image = new ImageData(width, height);
  for (let from = 0, to = 0; from < pixels.length; from += 3, to += 4) {
    image.data.set(pixels.subarray(from, from + 3), to);
    image.data[to + 3] = 255;
  }
  return image;
}

/** Encodes the pixels as they are, without loss. */
export function toPng(picture: DrawnPicture): Promise<Blob> {
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  canvas.getContext('2d')?.putImageData(toImageData(picture), 0, 0);
  return canvas.convertToBlob({ type: 'image/png' });
}
