import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { RgbPicture } from '../../interface/vision.ts';
import { type EncoderRun, PIXELS } from './family.ts';
import { openPictureReader } from './registry.ts';

const vectors = JSON.parse(
  readFileSync(new URL('../../../../protocol/vectors/picture-inputs.json', import.meta.url), 'utf8'),
) as {
  readonly models: readonly {
    readonly name: string;
    readonly config: Readonly<Record<string, unknown>>;
    readonly preprocessor: Readonly<Record<string, unknown>>;
    readonly cases: readonly {
      readonly size: readonly [width: number, height: number];
      readonly tiles?: readonly [rows: number, columns: number];
      readonly grid?: readonly [frames: number, height: number, width: number];
      readonly sha256: string;
    }[];
  }[];
};

/** A picture of the bytes of a linear congruential generator, as in write-picture-input-vectors.py. */
function createPicture([width, height]: readonly [number, number]): RgbPicture {
  let state = 1n;
  const rgb = Uint8Array.from({ length: width * height * 3 }, () => {
    state = (state * 1103515245n + 12345n) % 2n ** 31n;
    return Number(state >> 23n);
  });
  return { width, height, rgb };
}

function hashPixels(runs: readonly EncoderRun[]): string {
  const hash = createHash('sha256');
  for (const { feeds } of runs) {
    const pixels = feeds[PIXELS]?.data;
    if (!(pixels instanceof Float32Array)) throw new TypeError('a run without pixels');
    const { buffer, byteOffset, byteLength } = pixels;
    hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  }
  return hash.digest('hex');
}

for (const { name, config, preprocessor, cases } of vectors.models) {
  describe(`pictures for ${name}`, () => {
    const reader = openPictureReader({ path: 'model', config, preprocessor });

    it.each(cases)('are those of transformers: $size', ({ size, tiles, grid, sha256 }) => {
      const { pieces, grids, runs: found } = reader.prepare(createPicture(size));
      const runs = [...found];
      expect(hashPixels(runs)).toBe(sha256);
      const rows = runs.reduce((sum, run) => sum + run.rows, 0);
      const counts = pieces.filter((piece) => typeof piece === 'number');
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(rows);
      expect(rows).toBeLessThanOrEqual(reader.mostRows);
      if (tiles) expect(counts).toHaveLength(tiles[0] * tiles[1] + 1);
      if (grid) expect(grids).toEqual([[grid[1] / 2, grid[2] / 2]]);
      else expect(grids).toBeUndefined();
    });
  });
}

const find = (name: string) => vectors.models.find((model) => model.name === name) as (typeof vectors.models)[number];
const TILED = find('smolvlm, tiles');
const QWEN = find('qwen2-vl');
const CROPPED = find('llava, cropped');

describe('the prompt of a picture', () => {
  it('names its tiles row by row, and the whole', () => {
    const { pieces } = openPictureReader({ path: 'model', ...TILED }).prepare(createPicture([50, 20]));
    const fake = '<fake_token_around_image>';
    const rows = [1, 2].map((row) =>
      [1, 2, 3, 4].flatMap((column) => {
        const before = row === 2 && column === 1 ? '\n' : '';
        return [`${before}${fake}<row_${row}_col_${column}>`, 4];
      }),
    );
    expect(pieces).toEqual([...rows.flat(), `\n\n${fake}<global-img>`, 4, fake]);
  });

  it('is the whole alone if the model reads no tiles', () => {
    const { pieces } = openPictureReader({ path: 'model', ...find('idefics3, whole') }).prepare(
      createPicture([50, 20]),
    );
    expect(pieces).toEqual(['<fake_token_around_image><global-img>', 4, '<fake_token_around_image>']);
  });

  it('counts whole patches: those of SmolVLM 2.2B leave a margin of 6 pixels', () => {
    const config = { model_type: 'smolvlm', scale_factor: 3, vision_config: { image_size: 384, patch_size: 14 } };
    const preprocessor = {
      ...{ size: { longest_edge: 1_536 }, max_image_size: { longest_edge: 384 } },
      ...{ image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5] },
    };
    const { mostRows } = openPictureReader({ path: 'model', config, preprocessor });
    expect(mostRows).toBe(17 * 81);
  });

  it('has one mark for each kind of model, and a limit of rows', () => {
    const readers = vectors.models.map((model) => openPictureReader({ path: 'model', ...model }));
    expect(readers.map(({ mark }) => mark)).toEqual([...Array<string>(5).fill('<image>'), '<|image_pad|>']);
    expect(readers.map(({ mostRows }) => mostRows)).toEqual([16, 16, 16, 68, 4, 64]);
  });
});

describe('a configuration is refused', () => {
  type Model = Pick<(typeof vectors.models)[number], 'config' | 'preprocessor'>;
  const change = ({ config, preprocessor }: Model, added: Partial<Model>): Model => ({
    config: { ...config, ...added.config },
    preprocessor: { ...preprocessor, ...added.preprocessor },
  });
  it.each<[string, Model, string]>([
    ['of no type', { config: {}, preprocessor: {} }, '"model_type" is missing'],
    ['of an unknown type', { config: { model_type: 'gemma3' }, preprocessor: {} }, 'no encoder of the type "gemma3"'],
    ['whose filter is unknown', change(TILED, { preprocessor: { resample: 4 } }), '"resample" is 4'],
    ['whose mean is no list', change(TILED, { preprocessor: { image_mean: 0.5 } }), '"image_mean" is 0.5'],
    ['that divides by nothing', change(QWEN, { preprocessor: { image_std: [1, 0, 1] } }), '"image_std" has a 0'],
    ['whose sizes would differ', change(CROPPED, { preprocessor: { do_center_crop: false } }), 'sizes would differ'],
    ['whose margins are unknown', change(CROPPED, { preprocessor: { do_pad: true } }), '"do_pad" is true'],
    ['that does not resize', change(QWEN, { preprocessor: { do_resize: false } }), '"do_resize" is false'],
    [
      'whose network reads another size',
      change(CROPPED, { config: { vision_config: { image_size: 56, patch_size: 7 } } }),
      'pictures become 28x28 pixels; the network reads 56x56',
    ],
    [
      'of another choice of layers',
      change(CROPPED, { config: { vision_feature_select_strategy: 'last' } }),
      '"vision_feature_select_strategy" is last',
    ],
    [
      'of too many rows',
      change(TILED, { preprocessor: { size: { longest_edge: 512 } } }),
      'a picture may have 4100 rows; at most 2048 are possible',
    ],
    ['of no possible size', change(QWEN, { preprocessor: { min_pixels: 9_000 } }), 'pictures have 9000 to 4096 pixels'],
  ])('%s', (_what, { config, preprocessor }, message) => {
    expect(() => openPictureReader({ path: 'model', config, preprocessor })).toThrow(
      expect.objectContaining({ code: 'unsupported-model', message: expect.stringContaining(message) }),
    );
  });

  it('and so is a picture that is too thin', () => {
    const reader = openPictureReader({ path: 'model', ...QWEN });
    expect(() => reader.prepare(createPicture([402, 2]))).toThrow('more than 200 times the other');
  });
});
