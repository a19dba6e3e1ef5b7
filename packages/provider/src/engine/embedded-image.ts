import { existsSync } from 'node:fs';
import { text } from '@ogong/host/config/values';
import { ModelError } from '@ogong/models/model-error';
import { isModelFolder } from '@ogong/models/model-folder';
import { findModality } from '../modality/registry.ts';
import { loadModel } from './engine-config.ts';

/** Another name of `--model`, for models of pictures. The files say which kind a model is. */
export const embeddedImageFields = {
  embeddedImage: {
    schema: text,
    label: '<folder|owner/repo>',
    repeatable: true,
    env: 'OGONG_EMBEDDED_IMAGE',
    description:
      '--model by another name, for a model folder that makes pictures; such models come after those of --model',
  },
} as const;

/**
 * Adds the models of `--embedded-image` to those of `--model`.
 * @throws ModelError for a file or folder of this machine that is no model of pictures.
 */
export function addEmbeddedImages(model: readonly string[], embedded: readonly string[]): readonly string[] {
  for (const reference of embedded) {
    const path = reference.replace(/^file:/, '');
    if (existsSync(path) && !isModelFolder(path)) throw createNoPictures(reference);
  }
  return [...model, ...embedded];
}

/**
 * Creates the loader of models, which refuses a model of `--embedded-image` that makes no pictures. A model that is downloaded shows its
 * kind only then.
 */
export const createEmbeddedLoader =
  (embedded: readonly string[]): typeof loadModel =>
  async (reference, ...given) => {
    const loaded = await loadModel(reference, ...given);
    if (!embedded.includes(reference) || findModality(loaded.engine).makesPictures === true) return loaded;
    await loaded.engine.close();
    throw createNoPictures(reference);
  };

const createNoPictures = (reference: string): ModelError =>
  new ModelError('bad-reference', `--embedded-image ${reference}: it is no model of pictures; give it by --model`);
