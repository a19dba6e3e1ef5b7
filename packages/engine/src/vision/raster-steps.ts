import type { RgbPicture } from '../interface/vision.ts';
import { MAX_SIDE, type Raster, type ResizeFilter } from '../pixels/resize.ts';
import type { FolderFields } from './folder-fields.ts';

export interface Size {
  readonly width: number;
  readonly height: number;
}

export const toRaster = ({ width, height, rgb }: RgbPicture): Raster => ({ width, height, channels: 3, data: rgb });

/** Codes of Pillow, as `preprocessor_config.json` names them. */
const FILTERS: readonly (ResizeFilter | undefined)[] = ['nearest', 'lanczos', 'bilinear', 'bicubic'];

export function readFilter(preprocessor: FolderFields, usual: number): ResizeFilter {
  const code = preprocessor.number('resample', usual);
  return FILTERS[code] ?? preprocessor.refuse(`"resample" is ${code}; possible are 0 to 3`);
}

/** Reads width and height: an object, or one number for both. */
export function readSize(fields: FolderFields, field: string): Size {
  try {
    const side = fields.count(field, MAX_SIDE);
    return { width: side, height: side };
  } catch {
    const size = fields.object(field);
    return { width: size.count('width', MAX_SIDE), height: size.count('height', MAX_SIDE) };
  }
}

/** Cuts the middle out. A side that is too short gets black margins, as `center_crop` of transformers makes them. */
export function cropCentre(raster: Raster, { width, height }: Size): Raster {
  const [left, top] = [Math.floor((raster.width - width) / 2), Math.floor((raster.height - height) / 2)];
  return cut(raster, { left, top, width, height });
}

/** Cuts a rectangle out; parts outside the raster are black. */
export function cut(
  raster: Raster,
  { left, top, width, height }: Size & { readonly left: number; readonly top: number },
): Raster {
  const { channels } = raster;
  const data = new Uint8Array(width * height * channels);
  const [from, to] = [Math.max(0, left), Math.min(raster.width, left + width)];
  for (let y = 0; y < height && from < to; y++) {
    const row = top + y;
    if (row < 0 || row >= raster.height) continue;
    const begin = (row * raster.width + from) * channels;
    const source = raster.data.subarray(begin, begin + (to - from) * channels);
    data.set(source, (y * width + from - left) * channels);
  }
  return { width, height, channels, data };
}

/** Values of the network's input by channel and pixel value. */
export type ValueTable = readonly Float32Array[];

/**
 * Computes (value * factor - mean) / deviation of each channel for the values 0 to 255, in floats of 32 bits as transformers does.
 */
export function readValueTable(preprocessor: FolderFields): ValueTable {
  const factor = preprocessor.flag('do_rescale', true) ? preprocessor.number('rescale_factor', 1 / 255) : 1;
  const isNormalised = preprocessor.flag('do_normalize', true);
  const means = isNormalised ? preprocessor.colours('image_mean') : [0, 0, 0];
  const deviations = isNormalised ? preprocessor.colours('image_std') : [1, 1, 1];
  return means.map((mean, channel) => {
    const deviation = Math.fround(deviations[channel] as number);
    if (deviation === 0) preprocessor.refuse('"image_std" has a 0');
    return Float32Array.from({ length: 256 }, (_, value) => {
      const scaled = Math.fround(value * factor);
      return isNormalised ? Math.fround(Math.fround(scaled - Math.fround(mean)) / deviation) : scaled;
    });
  });
}

/** @returns f32[3, height, width]. */
export function toPlanes({ width, height, data }: Raster, table: ValueTable): Float32Array {
  const count = width * height;
  const planes = new Float32Array(3 * count);
  for (const [channel, values] of table.entries()) {
    for (let i = 0; i < count; i++) planes[channel * count + i] = values[data[3 * i + channel] as number] as number;
  }
  return planes;
}
