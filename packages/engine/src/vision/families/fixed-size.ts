import { EngineError } from '../../interface/engine-error.ts';
import type { RgbPicture } from '../../interface/vision.ts';
import { MAX_SIDE, type Raster, resizeRaster } from '../../pixels/resize.ts';
import type { FolderFields } from '../folder-fields.ts';
import { cropCentre, readFilter, readSize, readValueTable, type Size, toPlanes, toRaster } from '../raster-steps.ts';
import { PIXELS, type PictureReader } from './family.ts';

const BICUBIC = 3;

/** Finds the size whose shorter side has so many pixels, as CLIP's processor does. */
function fitShortest({ width, height }: Size, shortest: number): Size {
  const longest = Math.trunc((shortest * Math.max(width, height)) / Math.min(width, height));
  return width <= height ? { width: shortest, height: longest } : { width: longest, height: shortest };
}

/** Reads the steps from any picture to one of a fixed size. @throws EngineError('unsupported-model') if sizes would differ. */
function readSteps(preprocessor: FolderFields): { readonly size: Size; readonly apply: (raster: Raster) => Raster } {
  const filter = readFilter(preprocessor, BICUBIC);
  if (!preprocessor.flag('do_resize', true))
    preprocessor.refuse('"do_resize" is false; pictures of one size are needed');
  if (preprocessor.flag('do_pad', false))
    preprocessor.refuse('"do_pad" is true, which is not supported for this model');
  const crop = preprocessor.flag('do_center_crop', false) ? readSize(preprocessor, 'crop_size') : undefined;
  const shortest = readShortest(preprocessor);
  if (shortest === undefined) {
    const size = readSize(preprocessor, 'size');
    const resize = (raster: Raster) => resizeRaster(raster, { ...size, filter });
    return { size: crop ?? size, apply: (raster) => (crop ? cropCentre(resize(raster), crop) : resize(raster)) };
  }
  if (crop === undefined)
    return preprocessor.refuse('"size" names one side and nothing is cropped; sizes would differ');
  const resize = (raster: Raster) => {
    const size = fitShortest(raster, shortest);
    if (Math.max(size.width, size.height) > MAX_SIDE)
      throw new EngineError('invalid-request', 'one side of the picture is too long for the other');
    return resizeRaster(raster, { ...size, filter });
  };
  return { size: crop, apply: (raster) => cropCentre(resize(raster), crop) };
}

/** Reads the shorter side if `size` names that one alone: as an object, or as a number beside a crop (the first CLIP files). */
function readShortest(preprocessor: FolderFields): number | undefined {
  try {
    const side = preprocessor.count('size', MAX_SIDE);
    return preprocessor.flag('do_center_crop', false) ? side : undefined;
  } catch {
    const size = preprocessor.object('size');
    return size.has('shortest_edge') ? size.count('shortest_edge', MAX_SIDE) : undefined;
  }
}

/** Prepares pictures of one size, each of which becomes the same number of rows. */
export function createFixedReader(
  preprocessor: FolderFields,
  { mark, rows, side }: { readonly mark: string; readonly rows: number; readonly side: number },
): PictureReader {
  const { size, apply } = readSteps(preprocessor);
  const { width, height } = size;
  if (width !== side || height !== side)
    preprocessor.refuse(`pictures become ${width}x${height} pixels; the network reads ${side}x${side}`);
  const table = readValueTable(preprocessor);
  return {
    ...{ mark, mostRows: rows },
    prepare: (picture: RgbPicture) => ({
      pieces: [rows],
      runs: (function* () {
        const data = toPlanes(apply(toRaster(picture)), table);
        yield { rows, feeds: { [PIXELS]: { type: 'float32', data, dims: [1, 3, height, width] } } };
      })(),
    }),
  };
}
