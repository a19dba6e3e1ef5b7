import { ProtocolError } from '../../base/bytes.ts';
import { MAX_PICTURE_BYTES } from '../../exchange/limits.ts';

/** Width and height in pixels. */
export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

/** The longest side of a picture, pixels. */
export const MAX_SIDE = 4096;
/** Red, green and blue, a byte each, row by row. */
export const PIXEL_BYTES = 3;
/** The most pixels of a picture. The canonical response holds all of them. */
export const MAX_PIXELS = Math.floor(MAX_PICTURE_BYTES / PIXEL_BYTES);
/** Steps and pixels that a request without a number of its own can bill at most. */
export const MAX_STEPS_ASKED = 150;
export const MAX_DEFAULT_STEPS = 50;

/** @throws ProtocolError `out-of-range` for more pixels than a response holds. */
export function assertPixels({ width, height }: PictureSize): void {
  if (width * height <= MAX_PIXELS) return;
  throw new ProtocolError('out-of-range', `a picture of ${width}x${height}; at most ${MAX_PIXELS} pixels are served`);
}

const UNIT_PIXELS = 1024;

/** Counts the billed units of a picture: a unit is one step over 1,024 pixels, and a part of 1,024 pixels counts as a whole. */
export function countUnits({ width, height }: PictureSize, steps: number): number {
  return steps * Math.ceil((width * height) / UNIT_PIXELS);
}

/** Counts the most units that an order of a model can bill. Models of pictures announce it as their context. */
export const boundModelUnits = ({ mostPixels }: { readonly mostPixels: number }): number =>
  countUnits({ width: Math.min(mostPixels, MAX_PIXELS), height: 1 }, MAX_STEPS_ASKED);
