import type { FolderConfigs } from '@ogong/models/model-folder';
import { EngineError } from '../../interface/engine-error.ts';
import { listNeeded, type PictureFamily } from './family.ts';
import { flux } from './flux.ts';
import { stableDiffusion } from './stable-diffusion.ts';
import { oneEncoder, threeEncoders, twoEncoders } from './stable-diffusion-3.ts';
import { stableDiffusionXl } from './stable-diffusion-xl.ts';

/** Of several families of one pipeline, a model has the first one whose components it has. */
const FAMILIES: readonly PictureFamily[] = [
  ...[stableDiffusion, stableDiffusionXl],
  ...[oneEncoder, twoEncoders, threeEncoders, flux],
];

/** A component that any model may have. */
const OPTIONAL = 'vae_encoder';

/** @throws EngineError('unsupported-model') for a pipeline that no family runs, or other components than the family's. */
export function findFamily({ path, pipeline, components }: FolderConfigs): PictureFamily {
  const refuse = (problem: string): never => {
    throw new EngineError('unsupported-model', `${path}: ${problem}`);
  };
  const families = FAMILIES.filter((each) => each.pipeline === pipeline);
  const listMissing = (family: PictureFamily) => listNeeded(family).filter((name) => !components.has(name));
  const listMore = (family: PictureFamily) =>
    [...components.keys()].filter((name) => name !== OPTIONAL && !listNeeded(family).includes(name));
  const family = families.find((each) => listMissing(each).length === 0 && listMore(each).length === 0);
  if (family !== undefined) return family;
  const [nearest] = families.sort((a, b) => listMissing(a).length - listMissing(b).length);
  if (nearest === undefined) {
    const known = new Set(FAMILIES.map((each) => each.pipeline));
    return refuse(`a pipeline ${pipeline}; possible are ${[...known].join(', ')}`);
  }
  const missing = listMissing(nearest);
  if (missing.length > 0)
    return refuse(`model_index.json names no ${missing.join(' and no ')}, which a ${pipeline} needs`);
  return refuse(`a ${pipeline} with ${listMore(nearest).join(', ')} is not supported`);
}
