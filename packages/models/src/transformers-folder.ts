import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** The file with the sizes of a model in the layout of transformers. */
export const CONFIG_FILE = 'config.json';
/** The only file with weights of a small model. */
export const WEIGHTS_FILE = 'model.safetensors';
/** The list of files with weights of a large model. */
export const WEIGHTS_INDEX = 'model.safetensors.index.json';

/** Returns whether a path is a folder in the layout of transformers, with weights in safetensors. */
export const isTransformersFolder = (path: string): boolean =>
  existsSync(join(path, CONFIG_FILE)) && [WEIGHTS_FILE, WEIGHTS_INDEX].some((file) => existsSync(join(path, file)));
