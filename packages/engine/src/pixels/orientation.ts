import type { Raster } from './resize.ts';

/** The way in which pixels lie in a file, by the numbers of Exif. 1 is upright, and 5 to 8 exchange rows and columns. */
export type Orientation = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

export const UPRIGHT: Orientation = 1;

/** Divides by 255 and rounds, for values up to 65,025: the blending of Pillow (`Image.paste` with a mask). */
const divideBy255 = (value: number): number => {
  const biased = value + 128;
  return ((biased >> 8) + biased) >> 8;
};

/** Decoded pixels as they lie in a file. */
interface Lying {
  readonly width: number;
  readonly height: number;
  readonly orientation: Orientation;
  /** The upright picture gets half the columns and rows, rounded up. */
  readonly isHalved: boolean;
}

/**
 * Puts decoded pixels on white and turns them upright. A halved pixel is the mean of a box of 2x2, rounded half up. Boxes at the end of
 * odd sides have the pixels that are there. This is `Image.reduce(2)` of Pillow.
 * @param rgba u8[height * width * 4], not premultiplied; not mutated.
 * @returns u8[height * width * 3]; width and height are exchanged for orientations of 5 and more.
 */
export function toUprightRgb(rgba: Uint8Array | Uint8ClampedArray, lying: Lying): Raster {
  return makeUpright(lying, 3, (pixel, channel) => {
    const alpha = rgba[pixel * 4 + 3] as number;
    const value = rgba[pixel * 4 + channel] as number;
    return alpha === 255 ? value : divideBy255(value * alpha + 255 * (255 - alpha));
  });
}

/**
 * Turns the opacity of decoded pixels upright, halved as colours are.
 * @param rgba u8[height * width * 4]; not mutated.
 * @returns u8[height * width]; width and height are exchanged for orientations of 5 and more.
 */
export function toUprightOpacity(rgba: Uint8Array | Uint8ClampedArray, lying: Lying): Raster {
  return makeUpright(lying, 1, (pixel) => rgba[pixel * 4 + 3] as number);
}

/** The size of the upright picture, halved if it is. */
export function findUprightSize(lying: Lying): Pick<Raster, 'width' | 'height'> {
  const { columns, rows } = findSteps(lying);
  const step = lying.isHalved ? 2 : 1;
  return { width: Math.ceil(columns / step), height: Math.ceil(rows / step) };
}

/** Makes the values of an upright picture from those of pixels as they lie in the file. */
function makeUpright(lying: Lying, channels: number, read: (pixel: number, channel: number) => number): Raster {
  const { columns, rows, first, right, below } = findSteps(lying);
  const step = lying.isHalved ? 2 : 1;
  const made = { ...findUprightSize(lying), channels };
  const data = new Uint8Array(made.width * made.height * channels);
  let to = 0;
  for (let y = 0; y < rows; y += step) {
    for (let x = 0; x < columns; x += step) {
      const pixel = first + x * right + y * below;
      // Pixels that are not there are those beside them: the mean stays.
      const u = step === 1 || x + 1 === columns ? 0 : right;
      const v = step === 1 || y + 1 === rows ? 0 : below;
      for (let channel = 0; channel < channels; channel++) {
        const value = read(pixel, channel);
        data[to++] =
          step === 1
            ? value
            : (value + read(pixel + u, channel) + read(pixel + v, channel) + read(pixel + u + v, channel) + 2) >> 2;
      }
    }
  }
  return { ...made, data };
}

/** Finds the upright size, and the pixel of the file that is first, with the distances to the pixels on its right and below it. */
function findSteps({ width, height, orientation }: Lying) {
  const isTurned = orientation >= 5;
  const flipsX = [2, 3, 7, 8].includes(orientation);
  const flipsY = [3, 4, 6, 7].includes(orientation);
  const first = (flipsY ? (height - 1) * width : 0) + (flipsX ? width - 1 : 0);
  const [across, down] = [flipsX ? -1 : 1, flipsY ? -width : width];
  return isTurned
    ? { columns: height, rows: width, first, right: down, below: across }
    : { columns: width, rows: height, first, right: across, below: down };
}
