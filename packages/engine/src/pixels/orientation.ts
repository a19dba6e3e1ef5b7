import type { Raster } from './resize.ts';

/** The way in which pixels lie in a file, by the numbers of Exif. 1 is upright, and 5 to 8 exchange rows and columns. */
export type Orientation = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

export const UPRIGHT: Orientation = 1;

const ORIENTATION_TAG = 0x0112;
const SHORT = 3;
const ENTRY_BYTES = 12;

/**
 * Reads the orientation of Exif data: the first directory of a TIFF file.
 * @returns upright if the data is no TIFF or states none, as other decoders do.
 * Source: TIFF 6.0, section 2; Exif 3.0, 4.6.5.
 */
export function readOrientation(exif: Uint8Array): Orientation {
  const view = new DataView(exif.buffer, exif.byteOffset, exif.byteLength);
  if (view.byteLength < 8) return UPRIGHT;
  const isLittle = view.getUint16(0) === 0x4949;
  if (!isLittle && view.getUint16(0) !== 0x4d4d) return UPRIGHT;
  const first = view.getUint32(4, isLittle);
  if (view.getUint16(2, isLittle) !== 42 || first + 2 > view.byteLength) return UPRIGHT;
  const count = view.getUint16(first, isLittle);
  for (let at = first + 2, i = 0; i < count && at + ENTRY_BYTES <= view.byteLength; at += ENTRY_BYTES, i++) {
    if (view.getUint16(at, isLittle) !== ORIENTATION_TAG) continue;
    const value = view.getUint16(at + 8, isLittle);
    return view.getUint16(at + 2, isLittle) === SHORT && value >= 1 && value <= 8 ? (value as Orientation) : UPRIGHT;
  }
  return UPRIGHT;
}

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
}

/**
 * Puts decoded pixels on white and turns them upright.
 * @param rgba u8[height * width * 4], not premultiplied; not mutated.
 * @returns u8[height * width * 3]; width and height are exchanged for orientations of 5 and more.
 */
export function toUprightRgb(rgba: Uint8Array | Uint8ClampedArray, lying: Lying): Raster {
  const data = new Uint8Array(lying.width * lying.height * 3);
  let to = 0;
  const size = visitUpright(lying, (pixel) => {
    const from = pixel * 4;
    const alpha = rgba[from + 3] as number;
    for (let channel = 0; channel < 3; channel++) {
      const value = rgba[from + channel] as number;
      data[to++] = alpha === 255 ? value : divideBy255(value * alpha + 255 * (255 - alpha));
    }
  });
  return { ...size, channels: 3, data };
}

/**
 * Turns the opacity of decoded pixels upright.
 * @param rgba u8[height * width * 4]; not mutated.
 * @returns u8[height * width]; width and height are exchanged for orientations of 5 and more.
 */
export function toUprightOpacity(rgba: Uint8Array | Uint8ClampedArray, lying: Lying): Raster {
  const data = new Uint8Array(lying.width * lying.height);
  let to = 0;
  const size = visitUpright(lying, (pixel) => {
    data[to++] = rgba[pixel * 4 + 3] as number;
  });
  return { ...size, channels: 1, data };
}

/** Visits the pixels of a file in upright order. @returns the upright size. */
function visitUpright(
  { width, height, orientation }: Lying,
  visit: (pixel: number) => void,
): Pick<Raster, 'width' | 'height'> {
  const isTurned = orientation >= 5;
  const [columns, rows] = isTurned ? [height, width] : [width, height];
  const flipsX = [2, 3, 7, 8].includes(orientation);
  const flipsY = [3, 4, 6, 7].includes(orientation);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      const [u, v] = isTurned ? [y, x] : [x, y];
      visit((flipsY ? height - 1 - v : v) * width + (flipsX ? width - 1 - u : u));
    }
  }
  return { width: columns, height: rows };
}
