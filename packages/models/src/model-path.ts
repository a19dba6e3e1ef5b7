import { isEncoderFolder } from './encoder-folder.ts';
import { isModelFolder } from './model-folder.ts';
import { isOnnxModel } from './onnx-model.ts';
import { tryModelSource } from './source.ts';
import { isTransformersFolder } from './transformers-folder.ts';

const KINDS = [isModelFolder, isEncoderFolder, isOnnxModel, isTransformersFolder];

/**
 * Writes the path of a model that lies here as a reference: `my-model` becomes `./my-model`. A folder wins over a short name, so both
 * forms mean the same. Every other text stays.
 * @throws ModelError('bad-reference') for a form with a fault in it.
 */
export function toPathReference(reference: string): string {
  if (reference === '' || reference.includes('\0') || tryModelSource(reference) !== undefined) return reference;
  return KINDS.some((isKind) => isKind(reference)) ? `./${reference}` : reference;
}
