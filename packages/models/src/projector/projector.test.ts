import { copyFileSync, linkSync, readFileSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import {
  PROJECTOR_SIZES,
  type ProjectorWeight,
  RANDOM_PROJECTORS,
  type RandomProjector,
  type RandomProjectorOptions,
  writeRandomProjector,
} from '@ogong/testing/models/random-projector';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, describe, expect, it } from 'vitest';
import { inspectEncoderFolder, isProjectorFile } from '../encoder-folder.ts';
import { createFileHashes } from '../file-hashes.ts';
import type { GgufValue } from '../gguf/types.ts';
import { ModelError } from '../model-error.ts';
import { hashModelFolder } from '../model-folder.ts';
import { describeProjector } from './describe-projector.ts';
import { bringProjectorFolder } from './projector-folder.ts';

const directory = createTestDirectory('projector');
afterAll(() => directory.remove());
const STORIES = new URL('../../models/stories260K.gguf', import.meta.url).pathname;
const { width, feedForward, rowSize } = PROJECTOR_SIZES;

let count = 0;
function write(kind: RandomProjector, options: RandomProjectorOptions = {}): string {
  const path = join(directory.path, `mmproj-${++count}.gguf`);
  writeRandomProjector(path, kind, options);
  return path;
}
const describeFile = (path: string) => describeProjector(path, 'mmproj.gguf');
const hashes = createFileHashes(join(directory.path, 'hashes'));
const bring = (path: string): Promise<string> => bringProjectorFolder(path, directory.path, hashes);
const rootOf = async (folder: string): Promise<string> => {
  const { modelRoot } = await hashModelFolder(inspectEncoderFolder(folder), hashes);
  return Buffer.from(modelRoot).toString('hex');
};

type Change = NonNullable<RandomProjectorOptions['change']>;
const zeros = (...shape: readonly number[]): ProjectorWeight => ({
  shape,
  data: new Float32Array(shape.reduce((a, b) => a * b, 1)),
});
const setKey =
  (key: string, value: GgufValue): Change =>
  (metadata) => {
    metadata.set(key, value);
  };
const setNumber = (key: string, value: number): Change => setKey(key, { type: 'u32', value });
const integers = (...value: readonly number[]): GgufValue => ({ type: 'array', of: 'i32', value });
const dropKey =
  (key: string): Change =>
  (metadata) => {
    metadata.delete(key);
  };
const setTensor =
  (name: string, ...shape: readonly number[]): Change =>
  (_metadata, tensors) => {
    tensors.set(name, zeros(...shape));
  };
const dropTensor =
  (name: string): Change =>
  (_metadata, tensors) => {
    tensors.delete(name);
  };

it.each([
  ['llava', 'llava', { size: { shortest_edge: 16 }, crop_size: { height: 16, width: 16 } }],
  ['idefics3', 'idefics3', { size: { longest_edge: 34 }, max_image_size: { longest_edge: 17 } }],
  ['qwen2_vl', 'qwen2_vl', { patch_size: 4, merge_size: 2, min_pixels: 256, max_pixels: 4_096 }],
] as const)('a projector becomes the configuration of %s', (kind, model_type, preprocessor) => {
  const described = describeFile(write(kind));
  expect(described.config).toMatchObject({ model_type });
  const colours = [0.5, 0.4, 0.3].map(Math.fround);
  expect(described.preprocessor).toMatchObject({ ...preprocessor, image_mean: colours });
});

it('keys that older files lack have their usual values', () => {
  const change: Change = (metadata) => {
    for (const key of ['projector.scale_factor', 'preproc_image_size', 'projection_dim'])
      metadata.delete(`clip.vision.${key}`);
  };
  const described = describeFile(write('idefics3', { change }));
  expect(described).toMatchObject({ config: { scale_factor: 2 }, preprocessor: { size: { longest_edge: 4 * 17 } } });
  const bare = describeFile(
    write('qwen2_vl', {
      change: (metadata) => {
        for (const key of ['image_min_pixels', 'image_max_pixels']) metadata.delete(`clip.vision.${key}`);
        metadata.set('clip.vision.feed_forward_length', { type: 'u32', value: 0 });
      },
    }),
  );
  expect(bare.preprocessor).not.toHaveProperty('max_pixels');
});

it('matrices of a block under exchanged names give the same network', () => {
  const swap: Change = (_metadata, tensors) => {
    for (const [name, weight] of [...tensors]) {
      if (name.includes('ffn_up')) {
        const other = name.replace('ffn_up', 'ffn_down');
        const down = tensors.get(other) as ProjectorWeight;
        tensors.set(name, down);
        tensors.set(other, weight);
      }
    }
  };
  const read = (path: string): string => Buffer.from(describeFile(path).network).toString('latin1');
  const [plain, swapped] = [read(write('llava')), read(write('llava', { change: swap }))];
  const order = (network: string) => [...network.matchAll(/v\.blk\.0\.ffn_(?:up|down)\.weight/g)].map(String);
  expect(order(swapped)).toEqual(
    order(plain).map((name) => name.replace(/up|down/, (it) => (it === 'up' ? 'down' : 'up'))),
  );
});

it('a file of another kind is no projector', () => {
  expect(isProjectorFile(write('llava'))).toBe(true);
  expect([STORIES, directory.path, join(directory.path, 'none')].map(isProjectorFile)).toEqual([false, false, false]);
  expect(() => describeFile(STORIES)).toThrow(
    expect.objectContaining({ code: 'bad-reference', message: expect.stringContaining('architecture is "llama"') }),
  );
  const cut = write('llava');
  truncateSync(cut, statSync(cut).size - 64);
  expect(() => describeFile(cut)).toThrow(
    expect.objectContaining({ code: 'corrupt', message: expect.stringContaining('cut short') }),
  );
  const page = join(directory.path, 'page.gguf');
  writeFileSync(page, '<!doctype html>');
  expect(isProjectorFile(page)).toBe(false);
  expect(() => describeFile(page)).toThrow('not a GGUF file');
});

describe('a projector is refused', () => {
  const f32 = (value: number): GgufValue => ({ type: 'f32', value });
  const text = (value: string): GgufValue => ({ type: 'string', value });
  it.each<[string, RandomProjector, Change, string]>([
    [
      'of an unknown type',
      'llava',
      setKey('clip.projector_type', text('qwen2.5vl_merger')),
      'type "qwen2.5vl_merger" are not supported; possible are mlp, idefics3, qwen2vl_merger',
    ],
    ['of no type', 'llava', dropKey('clip.projector_type'), 'type "missing" are not supported'],
    ['without a tensor', 'llava', dropTensor('v.blk.2.attn_k.bias'), 'tensor v.blk.2.attn_k.bias is missing'],
    ['without its last matrix', 'idefics3', dropTensor('mm.model.fc.weight'), 'mm.model.fc.weight is missing'],
    ['without its second frame', 'qwen2_vl', dropTensor('v.patch_embd.weight.1'), 'v.patch_embd.weight.1 is missing'],
    [
      'with a tensor of another shape',
      'llava',
      setTensor('v.blk.1.attn_v.weight', width, 2 * width),
      'v.blk.1.attn_v.weight has the shape [8, 16]; the configuration says [8, 8]',
    ],
    [
      'with a bias of another size',
      'qwen2_vl',
      setTensor('v.blk.0.ffn_up.bias', feedForward + 1),
      'has the shape [21]; the configuration says [20]',
    ],
    ['with a square block', 'llava', setTensor('v.blk.0.ffn_up.weight', width, width), 'is square'],
    [
      'with positions of another picture',
      'idefics3',
      setNumber('clip.vision.image_size', 32),
      'v.position_embd.weight has the shape [16, 8]',
    ],
    ['with too many blocks', 'llava', setNumber('clip.vision.block_count', 4), 'v.blk.3.ln1.weight is missing'],
    [
      'with blocks that nobody reads',
      'llava',
      setNumber('clip.vision.block_count', 2),
      '16 tensors belong to no known part',
    ],
    ['with a tensor that nobody knows', 'llava', setTensor('model.image_newline', 24), 'such as model.image_newline'],
    ['for pictures in tiles', 'llava', setKey('clip.vision.image_grid_pinpoints', integers(16, 32)), 'LLaVA 1.6'],
    ['with several layers', 'llava', setKey('clip.vision.feature_layer', integers(1, 3)), 'names 2 layers'],
    ['with a layer that it lacks', 'llava', setKey('clip.vision.feature_layer', integers(4)), 'feature_layer is 4'],
    ['with heads of unequal size', 'llava', setNumber('clip.vision.attention.head_count', 3), 'are not 3 equal heads'],
    [
      'with heads that cannot turn',
      'qwen2_vl',
      setNumber('clip.vision.attention.head_count', 4),
      'a head has 2 values',
    ],
    ['without blocks', 'llava', setNumber('clip.vision.block_count', 0), 'block_count is 0'],
    ['with absurd sizes', 'idefics3', setNumber('clip.vision.embedding_length', 1 << 30), 'possible are 1 to 16384'],
    ['with squares that do not fit', 'idefics3', setNumber('clip.vision.projector.scale_factor', 3), 'squares of 3x3'],
    ['of another row size', 'idefics3', setNumber('clip.vision.projection_dim', 25), `is 25, and rows have ${rowSize}`],
    ['of another row size', 'qwen2_vl', setNumber('clip.vision.projection_dim', 25), `is 25, and rows have ${rowSize}`],
    ['with a wrong epsilon', 'llava', setKey('clip.vision.attention.layer_norm_epsilon', f32(-1)), 'between 0 and 1'],
    ['without colours', 'llava', dropKey('clip.vision.image_mean'), 'image_mean is missing, not three numbers'],
    [
      'with both activations',
      'llava',
      (metadata) => {
        for (const key of ['clip.use_gelu', 'clip.use_silu']) metadata.set(key, { type: 'bool', value: true });
      },
      'are both true',
    ],
  ])('%s (%s)', (_what, kind, change, message) => {
    expect(() => describeFile(write(kind, { change }))).toThrow(message);
  });

  it('with quantised weights', () => {
    // 32 values of a state fit a block of this type.
    const change: Change = (metadata, tensors) => {
      metadata.set('clip.vision.embedding_length', { type: 'u32', value: 32 });
      for (const [name, { shape }] of tensors)
        tensors.set(name, zeros(...shape.map((size) => (size === width ? 32 : size))));
    };
    expect(() => describeFile(write('idefics3', { type: 'q8_0', change }))).toThrow(
      /is q8_0; read are f32, f16, bf16; take the projector in f16/,
    );
  });
});

it.each(RANDOM_PROJECTORS)('a damaged header of %s is described or refused, and nothing else', (kind) => {
  const path = write(kind);
  const bytes = readFileSync(path);
  const header = bytes.indexOf('v.blk.2.ffn_down.bias');
  const random = createSeededRandom(3);
  const draw = (most: number): number => Math.floor(random() * most);
  const outcomes = Array.from({ length: 400 }, () => {
    const changed = Buffer.from(bytes);
    for (let flips = 1 + draw(3); flips > 0; flips--) changed[draw(header)] = draw(4) === 0 ? 255 : draw(256);
    writeFileSync(path, changed);
    try {
      describeFile(path);
      return 'described';
    } catch (error) {
      return error instanceof ModelError ? error.code : String(error);
    }
  });
  expect(new Set(outcomes)).toEqual(new Set(['described', 'corrupt', 'bad-reference']));
});

describe('the folder of a projector', () => {
  it.each(RANDOM_PROJECTORS)('is an encoder, made once: %s', async (kind) => {
    const path = write(kind, { type: 'f16' });
    const folder = await bring(path);
    const { files, onnx } = inspectEncoderFolder(folder);
    expect(files).toEqual(['config.json', 'onnx/mmproj.gguf', 'onnx/vision_encoder.onnx', 'preprocessor_config.json']);
    expect(onnx.externalFiles).toEqual(['mmproj.gguf']);
    expect(readFileSync(join(folder, 'onnx/mmproj.gguf'))).toEqual(readFileSync(path));
    const before = statSync(join(folder, 'config.json')).mtimeMs;
    expect(await bring(path)).toBe(folder);
    expect(statSync(join(folder, 'config.json')).mtimeMs).toBe(before);
  });

  it('has a root that covers each byte of the file', async () => {
    const path = write('llava');
    const root = await rootOf(await bring(path));
    const copy = join(directory.path, 'copy.gguf');
    copyFileSync(path, copy);
    expect(await rootOf(await bring(copy))).toBe(root);
    const bytes = readFileSync(copy);
    bytes[bytes.length - 40] = (bytes[bytes.length - 40] as number) ^ 1;
    writeFileSync(copy, bytes);
    expect(await rootOf(await bring(copy))).not.toBe(root);
  });

  it('is made again if the file was changed in place, or the folder', async () => {
    const path = write('llava', { seed: 7 });
    const kept = join(directory.path, 'kept.gguf');
    copyFileSync(path, kept);
    const folder = await bring(path);
    const root = await rootOf(folder);
    const bytes = readFileSync(path);
    bytes[bytes.length - 40] = (bytes[bytes.length - 40] as number) ^ 1;
    writeFileSync(path, bytes);
    expect(await rootOf(folder)).not.toBe(root);
    expect(await bring(kept)).toBe(folder);
    expect(await rootOf(folder)).toBe(root);
    writeFileSync(join(folder, 'config.json'), '{}');
    expect(await bring(kept)).toBe(folder);
    expect(await rootOf(folder)).toBe(root);
  });

  it('holds the file that a link leads to', async () => {
    const path = write('llava');
    const [soft, hard] = ['soft.gguf', 'hard.gguf'].map((name) => join(directory.path, name)) as [string, string];
    symlinkSync(path, soft);
    linkSync(path, hard);
    expect(await bring(soft)).toBe(await bring(hard));
  });
});
