import { EngineError } from '../../interface/engine-error.ts';
import { readFields } from '../folder-fields.ts';
import type { PictureReader, VisionFamily } from './family.ts';
import { idefics3 } from './idefics3.ts';
import { llava } from './llava.ts';
import { qwen2Vl } from './qwen2-vl.ts';
import { tinyShapes } from './tiny-shapes.ts';

const FAMILIES: readonly VisionFamily[] = [llava, idefics3, qwen2Vl, tinyShapes];

/** Finds the family of an encoder and reads its configuration. @throws EngineError('unsupported-model') */
export function openPictureReader({
  path,
  config: content,
  preprocessor,
}: {
  readonly path: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly preprocessor: Readonly<Record<string, unknown>>;
}): PictureReader {
  const config = readFields(`${path}/config.json`, content);
  const type = config.text('model_type');
  const family = FAMILIES.find(({ modelTypes }) => modelTypes.includes(type));
  if (family !== undefined) return family.open(config, readFields(`${path}/preprocessor_config.json`, preprocessor));
  const known = FAMILIES.flatMap(({ modelTypes }) => modelTypes);
  throw new EngineError(
    'unsupported-model',
    `${path}: no encoder of the type "${type}" is known; possible are ${known.join(', ')}`,
  );
}
