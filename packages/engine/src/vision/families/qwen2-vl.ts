import { EngineError } from '../../interface/engine-error.ts';
import { type Raster, resizeRaster } from '../../pixels/resize.ts';
import type { FolderFields } from '../folder-fields.ts';
import { readFilter, readValueTable, type Size, toRaster, type ValueTable } from '../raster-steps.ts';
import { MOST_ROWS, PIXELS, type PictureReader, type VisionFamily } from './family.ts';

const BICUBIC = 3;
/** The most that one side is longer than the other. */
const MOST_RATIO = 200;
const USUAL_PIXELS = { least: 56 * 56, most: 28 * 28 * 1_280 } as const;

/** Rounds halves to the even integer, as Python does. */
function roundToEven(value: number): number {
  const low = Math.floor(value);
  if (value - low !== 0.5) return Math.round(value);
  return low % 2 === 0 ? low : low + 1;
}

interface PixelLimits {
  readonly least: number;
  readonly most: number;
}

/** Finds the size of whole patches that is nearest to the picture's. Source: `smart_resize` of transformers 4.57. */
function fitPatches({ width, height }: Size, step: number, { least, most }: PixelLimits): Size {
  const [wide, high] = [width, height].map((side) => roundToEven(side / step) * step) as [number, number];
  if (wide * high > most) {
    const shrink = Math.sqrt((height * width) / most);
    const fit = (side: number): number => Math.max(step, Math.floor(side / shrink / step) * step);
    return { width: fit(width), height: fit(height) };
  }
  if (wide * high < least) {
    const grow = Math.sqrt(least / (height * width));
    const fit = (side: number): number => Math.ceil((side * grow) / step) * step;
    return { width: fit(width), height: fit(height) };
  }
  return { width: wide, height: high };
}

/** Sides of a patch and of the square of patches that become one row, and the number of frames that a patch spans. */
interface PatchShape {
  readonly patch: number;
  readonly merge: number;
  readonly frames: number;
}

/**
 * Orders pixels by patches: f32[patches, 3 * frames * patch * patch]. The patches of one row stand side by side. A picture stands for all
 * frames.
 */
function toPatches(
  { width, height, data }: Raster,
  table: ValueTable,
  { patch, merge, frames }: PatchShape,
): Float32Array {
  const values = new Float32Array(3 * frames * width * height);
  const area = patch * patch;
  const block = patch * merge;
  let to = 0;
  for (let top = 0; top < height; top += block) {
    for (let left = 0; left < width; left += block) {
      for (let inner = 0; inner < merge * merge; inner++) {
        const y0 = top + Math.floor(inner / merge) * patch;
        const x0 = left + (inner % merge) * patch;
        for (const [channel, known] of table.entries()) {
          for (let y = 0; y < patch; y++) {
            for (let x = 0; x < patch; x++)
              values[to++] = known[data[((y0 + y) * width + x0 + x) * 3 + channel] as number] as number;
          }
          for (let frame = 1; frame < frames; frame++, to += area) values.copyWithin(to, to - area, to);
        }
      }
    }
  }
  return values;
}

/**
 * Qwen2-VL: a picture keeps its form, and its number of rows follows its size. Rows have positions in two dimensions.
 * Source: `Qwen2VLImageProcessor` of transformers 4.57.
 */
export const qwen2Vl: VisionFamily = {
  modelTypes: ['qwen2_vl'],
  open(_config, preprocessor): PictureReader {
    const shape: PatchShape = {
      patch: preprocessor.count('patch_size', 64, 14),
      merge: preprocessor.count('merge_size', 8, 2),
      frames: preprocessor.count('temporal_patch_size', 8, 2),
    };
    if (!preprocessor.flag('do_resize', true)) preprocessor.refuse('"do_resize" is false, which is not supported');
    const step = shape.patch * shape.merge;
    const limits = readLimits(preprocessor, step);
    const filter = readFilter(preprocessor, BICUBIC);
    const table = readValueTable(preprocessor);
    return {
      mark: '<|image_pad|>',
      mostRows: Math.floor(limits.most / step ** 2),
      prepare(picture) {
        const ratio = Math.max(picture.width, picture.height) / Math.min(picture.width, picture.height);
        if (ratio > MOST_RATIO)
          throw new EngineError(
            'invalid-request',
            `one side of the picture is more than ${MOST_RATIO} times the other`,
          );
        const { width, height } = fitPatches(picture, step, limits);
        const [columns, lines] = [width / shape.patch, height / shape.patch];
        const rows = (columns / shape.merge) * (lines / shape.merge);
        const grid = {
          type: 'int64',
          data: BigInt64Array.of(1n, BigInt(lines), BigInt(columns)),
          dims: [1, 3],
        } as const;
        const runs = (function* () {
          const raster = resizeRaster(toRaster(picture), { width, height, filter });
          const data = toPatches(raster, table, shape);
          const dims = [columns * lines, data.length / (columns * lines)];
          // Exports name the grid in two ways.
          yield {
            rows,
            feeds: { [PIXELS]: { type: 'float32', data, dims }, image_grid_thw: grid, grid_thw: grid },
          } as const;
        })();
        return { runs, pieces: [rows], grids: [[lines / shape.merge, columns / shape.merge]] };
      },
    };
  },
};

/** Reads the pixels of a picture at least and at most. Newer files call them edges. */
function readLimits(preprocessor: FolderFields, step: number): PixelLimits {
  const read = (field: string, edge: string, usual: number): number => {
    const most = Number.MAX_SAFE_INTEGER;
    if (preprocessor.has(field)) return preprocessor.count(field, most);
    return preprocessor.has('size') ? preprocessor.object('size').count(edge, most, usual) : usual;
  };
  const least = read('min_pixels', 'shortest_edge', USUAL_PIXELS.least);
  const most = Math.min(read('max_pixels', 'longest_edge', USUAL_PIXELS.most), MOST_ROWS * step ** 2);
  if (least < step ** 2 || least > most) preprocessor.refuse(`pictures have ${least} to ${most} pixels`);
  return { least, most };
}
