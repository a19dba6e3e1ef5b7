import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { encodeNetwork, encodeNetworkBeside } from './onnx-bytes.ts';
import { writeClipTokenizer } from './pictures/clip.ts';
import { flux } from './pictures/flux.ts';
import { type Draw, type PictureRecipe, writeJson } from './pictures/recipe.ts';
import { stableDiffusion } from './pictures/stable-diffusion.ts';
import { stableDiffusion3, withoutT5 } from './pictures/stable-diffusion-3.ts';
import { stableDiffusionXl } from './pictures/stable-diffusion-xl.ts';
import { writeT5Tokenizer } from './pictures/t5.ts';

/** Kinds of models of pictures, by the models whose folders have their form. */
export const RANDOM_PICTURES = ['sd', 'sdxl', 'sd3', 'sd3-without-t5', 'flux'] as const;
export type RandomPictures = (typeof RANDOM_PICTURES)[number];

export interface RandomPicturesOptions {
  readonly seed?: number;
  /** Weights of the denoiser lie in `model.onnx_data`. Default: in `model.onnx`. */
  readonly isSplit?: boolean;
}

const RECIPES: Readonly<Record<RandomPictures, PictureRecipe>> = {
  ...{ sd: stableDiffusion, sdxl: stableDiffusionXl, sd3: stableDiffusion3, 'sd3-without-t5': withoutT5, flux },
};

/** Writes the folder of a model of pictures with random weights, as optimum exports it. @returns its path. */
export function writeRandomPictures(
  kind: RandomPictures,
  folder: string,
  { seed = 1, isSplit = false }: RandomPicturesOptions = {},
): string {
  const { index, scheduler, tokenizers, components } = RECIPES[kind];
  const random = createSeededRandom(seed);
  const draw: Draw = (...shape) => ({
    shape,
    data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random() - 0.5),
  });
  const path = join(folder, `${kind}-${seed}`);
  const place = (name: string): string => {
    mkdirSync(join(path, name), { recursive: true });
    return join(path, name);
  };
  writeJson(join(place('scheduler'), 'scheduler_config.json'), scheduler);
  for (const [name, type] of Object.entries(tokenizers)) {
    if (type === 't5') writeT5Tokenizer(place(name));
    else writeClipTokenizer(place(name), name === 'tokenizer' ? '<|endoftext|>' : '!');
  }
  for (const [name, { config, network }] of Object.entries(components)) {
    writeJson(join(place(name), 'config.json'), config);
    const drawn = network(draw);
    const isDenoiser = name === 'unet' || name === 'transformer';
    if (!isSplit || !isDenoiser) writeFileSync(join(path, name, 'model.onnx'), encodeNetwork(drawn));
    else {
      const { model, weights } = encodeNetworkBeside(drawn, 'model.onnx_data');
      writeFileSync(join(path, name, 'model.onnx'), model);
      writeFileSync(join(path, name, 'model.onnx_data'), weights);
    }
  }
  const parts = ['scheduler', ...Object.keys(tokenizers), ...Object.keys(components)];
  writeJson(join(path, 'model_index.json'), {
    ...{ ...index, _diffusers_version: '0.35.0' },
    ...Object.fromEntries(parts.map((name) => [name, ['optimum', name]])),
  });
  return path;
}
