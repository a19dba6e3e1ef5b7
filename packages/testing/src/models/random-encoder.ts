import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { encodeNetwork, type OnnxNetwork } from './onnx-bytes.ts';

/** Kinds of encoders, by the models whose folders have their form. */
export const RANDOM_ENCODERS = ['llava', 'smolvlm', 'qwen2_vl'] as const;
export type RandomEncoder = (typeof RANDOM_ENCODERS)[number];

/** Values of a row of every random encoder. */
export const RANDOM_ROW_SIZE = 24;
const WIDTH = 8;
const NORMALISED = { image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5] };

interface EncoderRecipe {
  readonly config: object;
  readonly preprocessor: object;
  readonly network: (draw: (...shape: number[]) => OnnxNetwork['weights'][string]) => OnnxNetwork;
}

const shapeOf = (...values: readonly number[]) => ({
  shape: [values.length],
  data: BigInt64Array.from(values, BigInt),
});
const rows = { name: 'image_features', type: 'float32', shape: ['images', 'rows', RANDOM_ROW_SIZE] } as const;

/** Patches of 4x4 pixels become rows of WIDTH values: the beginning of every encoder here. */
const listPatchNodes = (pixels: string): OnnxNetwork['nodes'] => [
  {
    ...{ operator: 'Conv', inputs: [pixels, 'patches'], output: 'grid' },
    attributes: { kernel_shape: [4, 4], strides: [4, 4] },
  },
  { operator: 'Reshape', inputs: ['grid', 'flat'], output: 'columns' },
  { operator: 'Transpose', inputs: ['columns'], output: 'states', attributes: { perm: [0, 2, 1] } },
];

const RECIPES: Readonly<Record<RandomEncoder, EncoderRecipe>> = {
  llava: {
    config: { model_type: 'llava', vision_config: { image_size: 16, patch_size: 4 } },
    preprocessor: {
      ...{ size: { shortest_edge: 16 }, crop_size: { height: 16, width: 16 }, do_center_crop: true, resample: 3 },
      ...NORMALISED,
    },
    network: (draw) => ({
      inputs: [{ name: 'pixel_values', type: 'float32', shape: ['images', 3, 16, 16] }],
      outputs: [rows],
      nodes: [
        ...listPatchNodes('pixel_values'),
        { operator: 'Tanh', inputs: ['states'], output: 'bent' },
        { operator: 'MatMul', inputs: ['bent', 'projector'], output: 'image_features' },
      ],
      weights: { patches: draw(WIDTH, 3, 4, 4), flat: shapeOf(0, WIDTH, -1), projector: draw(WIDTH, RANDOM_ROW_SIZE) },
    }),
  },
  smolvlm: {
    config: { model_type: 'smolvlm', scale_factor: 2, vision_config: { image_size: 16, patch_size: 4 } },
    preprocessor: { size: { longest_edge: 64 }, max_image_size: { longest_edge: 16 }, resample: 1, ...NORMALISED },
    network: (draw) => ({
      inputs: [
        { name: 'pixel_values', type: 'float32', shape: ['batch', 'images', 3, 'height', 'width'] },
        { name: 'pixel_attention_mask', type: 'bool', shape: ['batch', 'images', 'height', 'width'] },
      ],
      outputs: [rows],
      nodes: [
        { operator: 'Cast', inputs: ['pixel_attention_mask'], output: 'shown', attributes: { to: 1 } },
        { operator: 'Unsqueeze', inputs: ['shown', 'channel'], output: 'mask' },
        { operator: 'Mul', inputs: ['pixel_values', 'mask'], output: 'seen' },
        { operator: 'Reshape', inputs: ['seen', 'single'], output: 'image' },
        ...listPatchNodes('image'),
        { operator: 'Tanh', inputs: ['states'], output: 'bent' },
        { operator: 'Reshape', inputs: ['bent', 'shuffled'], output: 'merged' },
        { operator: 'MatMul', inputs: ['merged', 'projector'], output: 'image_features' },
      ],
      weights: {
        ...{ channel: shapeOf(2), single: shapeOf(-1, 3, 16, 16), patches: draw(WIDTH, 3, 4, 4) },
        ...{ flat: shapeOf(0, WIDTH, -1), shuffled: shapeOf(0, -1, 4 * WIDTH) },
        projector: draw(4 * WIDTH, RANDOM_ROW_SIZE),
      },
    }),
  },
  qwen2_vl: {
    config: { model_type: 'qwen2_vl' },
    preprocessor: {
      ...{ patch_size: 4, merge_size: 2, temporal_patch_size: 2, min_pixels: 256, max_pixels: 4_096 },
      ...NORMALISED,
    },
    network: (draw) => ({
      inputs: [
        { name: 'pixel_values', type: 'float32', shape: ['patches', 96] },
        { name: 'image_grid_thw', type: 'int64', shape: ['images', 3] },
      ],
      outputs: [{ ...rows, shape: ['rows', RANDOM_ROW_SIZE] }],
      nodes: [
        { operator: 'MatMul', inputs: ['pixel_values', 'patches'], output: 'states' },
        { operator: 'Cast', inputs: ['image_grid_thw'], output: 'sizes', attributes: { to: 1 } },
        { operator: 'ReduceMean', inputs: ['sizes'], output: 'size', attributes: { keepdims: 0 } },
        { operator: 'Div', inputs: ['states', 'size'], output: 'scaled' },
        { operator: 'Tanh', inputs: ['scaled'], output: 'bent' },
        { operator: 'Reshape', inputs: ['bent', 'merge'], output: 'merged' },
        { operator: 'MatMul', inputs: ['merged', 'projector'], output: 'image_features' },
      ],
      weights: { patches: draw(96, WIDTH), merge: shapeOf(-1, 4 * WIDTH), projector: draw(4 * WIDTH, RANDOM_ROW_SIZE) },
    }),
  },
};

/** Writes the folder of an encoder with random weights. @returns its path. */
export function writeRandomEncoder(kind: RandomEncoder, folder: string, seed = 1): string {
  const random = createSeededRandom(seed);
  const { config, preprocessor, network } = RECIPES[kind];
  const path = join(folder, `${kind}-${seed}`);
  mkdirSync(join(path, 'onnx'), { recursive: true });
  writeFileSync(join(path, 'config.json'), JSON.stringify(config));
  writeFileSync(join(path, 'preprocessor_config.json'), JSON.stringify(preprocessor));
  const draw = (...shape: number[]) => ({
    shape,
    data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random() - 0.5),
  });
  writeFileSync(join(path, 'onnx/vision_encoder.onnx'), encodeNetwork(network(draw)));
  return path;
}
