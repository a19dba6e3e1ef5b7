import type { ModelFolder } from '@ogong/models/model-folder';
import { EngineError } from '../../interface/engine-error.ts';
import type { PictureFamily } from './family.ts';
import { stableDiffusion } from './stable-diffusion.ts';
import { stableDiffusion3 } from './stable-diffusion-3.ts';

const FAMILIES: readonly PictureFamily[] = [stableDiffusion, stableDiffusion3];

/** @throws EngineError('unsupported-model') for a pipeline that no family runs, or other components than the family's. */
export function findFamily({ path, pipeline, components }: ModelFolder): PictureFamily {
  const refuse = (problem: string): never => {
    throw new EngineError('unsupported-model', `${path}: ${problem}`);
  };
  const family = FAMILIES.find((each) => each.pipeline === pipeline);
  if (family === undefined)
    return refuse(`a pipeline ${pipeline}; possible are ${FAMILIES.map((each) => each.pipeline).join(', ')}`);
  const needed = ['scheduler', family.denoiser, ...family.components];
  const missing = needed.filter((name) => !components.has(name));
  if (missing.length > 0) refuse(`model_index.json names no ${missing.join(' and no ')}, which a ${pipeline} needs`);
  const more = [...components.keys()].filter((name) => !needed.includes(name) && name !== 'vae_encoder');
  if (more.length > 0) refuse(`a ${pipeline} with ${more.join(', ')} is not supported`);
  return family;
}
