import { cpSync } from 'node:fs';
import { join } from 'node:path';

/** Trained models of pictures of 32x32 pixels, which draw a circle, square, triangle or cross in one of seven colours. */
export const TINY_PICTURE_MODELS = ['tiny-shapes-ddim-unet', 'tiny-shapes-flow-dit'] as const;
export type TinyPictureModel = (typeof TINY_PICTURE_MODELS)[number];

export const pathOfPictureModel = (name: TinyPictureModel): string => join(import.meta.dirname, '../../models', name);

/** Copies a model, so that a test can change it. @returns the copy. */
export function copyPictureModel(name: TinyPictureModel, folder: string): string {
  const copy = join(folder, name);
  cpSync(pathOfPictureModel(name), copy, { recursive: true });
  return copy;
}
