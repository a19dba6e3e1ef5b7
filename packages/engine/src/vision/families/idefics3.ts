import { EngineError } from '../../interface/engine-error.ts';
import type { RgbPicture } from '../../interface/vision.ts';
import { type Raster, resizeRaster } from '../../pixels/resize.ts';
import { cut, readFilter, readValueTable, type Size, toPlanes, toRaster } from '../raster-steps.ts';
import {
  type EncoderRun,
  MOST_INPUT_SIDE,
  MOST_ROWS,
  PIXELS,
  type PictureReader,
  type VisionFamily,
} from './family.ts';

const LANCZOS = 1;
/** The longest side of a picture after its first resizing, whatever the configuration says (`MAX_IMAGE_SIZE` of transformers). */
const MOST_SIDE = 4_096;
const [FAKE, GLOBAL] = ['<fake_token_around_image>', '<global-img>'];

const atLeastOne = ({ width, height }: Size): Size => ({ width: Math.max(1, width), height: Math.max(1, height) });

/** Finds the size whose longer side has so many pixels. The shorter one is even. */
function fitLongest({ width, height }: Size, longest: number): Size {
  const ratio = width / height;
  const toEven = (side: number): number => side + (side % 2);
  return width >= height
    ? atLeastOne({ width: longest, height: toEven(Math.trunc(longest / ratio)) })
    : atLeastOne({ width: toEven(Math.trunc(longest * ratio)), height: longest });
}

function boundSides(size: Size): Size {
  const { width, height } = size;
  const ratio = width / height;
  if (Math.max(width, height) <= MOST_SIDE) return size;
  return width >= height
    ? atLeastOne({ width: MOST_SIDE, height: Math.trunc(MOST_SIDE / ratio) })
    : atLeastOne({ width: Math.trunc(MOST_SIDE * ratio), height: MOST_SIDE });
}

/** Finds the size that consists of whole tiles. */
function fitTiles({ width, height }: Size, tile: number): Size {
  const ratio = width / height;
  const toTiles = (side: number): number => Math.ceil(side / tile) * tile;
  if (width >= height) {
    const wide = toTiles(width);
    return { width: wide, height: toTiles(Math.trunc(wide / ratio)) };
  }
  const high = toTiles(height);
  return { width: toTiles(Math.trunc(high * ratio)), height: high };
}

/** Tiles that a picture is cut into; none if it is small. */
interface Tiling {
  readonly rows: number;
  readonly columns: number;
}

/**
 * Idefics3 and SmolVLM: a picture is cut into tiles, and a small copy of the whole follows them. Each of them becomes the same number of
 * rows.
 * Source: `Idefics3ImageProcessor` and `Idefics3Processor` of transformers 4.57.
 */
export const idefics3: VisionFamily = {
  modelTypes: ['idefics3', 'smolvlm'],
  open(config, preprocessor): PictureReader {
    const vision = config.object('vision_config');
    const side = vision.count('image_size', MOST_INPUT_SIDE);
    const factor = config.count('scale_factor', 64, 2);
    const perTile = (Math.floor(side / vision.count('patch_size', side)) / factor) ** 2;
    if (!Number.isInteger(perTile)) config.refuse(`a picture of ${side} pixels has ${perTile} rows`);
    const tile = preprocessor.object('max_image_size').count('longest_edge', MOST_INPUT_SIDE);
    if (tile !== side) preprocessor.refuse(`tiles have ${tile} pixels along a side; the network reads ${side}`);
    const longest = preprocessor.object('size').count('longest_edge', 1 << 14);
    if (!preprocessor.flag('do_resize', true)) preprocessor.refuse('"do_resize" is false, which is not supported');
    const splits = preprocessor.flag('do_image_splitting', true);
    const filter = readFilter(preprocessor, LANCZOS);
    const table = readValueTable(preprocessor);
    const most = splits ? Math.ceil(Math.min(MOST_SIDE, longest + (longest % 2)) / tile) ** 2 + 1 : 1;
    if (most * perTile > MOST_ROWS)
      preprocessor.refuse(`a picture may have ${most * perTile} rows; at most ${MOST_ROWS} are possible`);

    const resize = (raster: Raster, { width, height }: Size): Raster => resizeRaster(raster, { width, height, filter });
    const square = { width: tile, height: tile };
    const planTiles = (size: Size): { readonly size: Size; readonly tiling: Tiling } => {
      const first = boundSides(fitLongest(size, longest));
      const whole = splits ? fitTiles(first, tile) : square;
      const isSmall = whole.width <= tile && whole.height <= tile;
      const tiling = isSmall ? { rows: 0, columns: 0 } : { rows: whole.height / tile, columns: whole.width / tile };
      return { size: first, tiling };
    };
    const toRun = (raster: Raster): EncoderRun => ({
      rows: perTile,
      feeds: {
        [PIXELS]: { type: 'float32', data: toPlanes(raster, table), dims: [1, 1, 3, tile, tile] },
        pixel_attention_mask: { type: 'bool', data: new Uint8Array(tile * tile).fill(1), dims: [1, 1, tile, tile] },
      },
    });
    function* listRuns(picture: RgbPicture, size: Size, { rows, columns }: Tiling): Generator<EncoderRun, void> {
      const first = resize(toRaster(picture), size);
      if (rows === 0) {
        yield toRun(resize(first, square));
        return;
      }
      const whole = resize(first, { width: columns * tile, height: rows * tile });
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++)
          yield toRun(cut(whole, { left: column * tile, top: row * tile, ...square }));
      }
      yield toRun(resize(whole, square));
    }
    return {
      mark: '<image>',
      mostRows: most * perTile,
      prepare(picture) {
        const { size, tiling } = planTiles(picture);
        if (tiling.rows * tiling.columns >= most)
          throw new EngineError('invalid-request', `the picture needs ${tiling.rows * tiling.columns + 1} tiles`);
        return { runs: listRuns(picture, size, tiling), pieces: listPieces(tiling, perTile) };
      },
    };
  },
};

function listPieces({ rows, columns }: Tiling, perTile: number): (string | number)[] {
  const pieces: (string | number)[] = [];
  let text = '';
  for (let row = 1; row <= rows; row++) {
    for (let column = 1; column <= columns; column++) {
      pieces.push(`${text}${FAKE}<row_${row}_col_${column}>`, perTile);
      text = '';
    }
    text = '\n';
  }
  if (rows > 0) text += '\n';
  return [...pieces, `${text}${FAKE}${GLOBAL}`, perTile, FAKE];
}
