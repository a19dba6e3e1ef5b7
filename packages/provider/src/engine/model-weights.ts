import { statSync } from 'node:fs';
import { join } from 'node:path';
import { inspectEncoderFolder, isEncoderFolder } from '@ogong/models/encoder-folder';
import { inspectModelFolder, isModelFolder } from '@ogong/models/model-folder';
import { inspectOnnxModel, isOnnxModel } from '@ogong/models/onnx-model';

/** Lists the files of a model or of its encoder: the file itself, or the files of a folder that an engine reads. @throws ModelError */
export function listModelFiles(path: string): readonly string[] {
  const folder = inspectFolder(path);
  return folder === undefined ? [path] : folder.files.map((file) => join(folder.path, file));
}

/** Reads the files of a model that has more than one; undefined for a GGUF file. @throws ModelError */
function inspectFolder(path: string): { readonly path: string; readonly files: readonly string[] } | undefined {
  if (isModelFolder(path)) return inspectModelFolder(path);
  if (isEncoderFolder(path)) return inspectEncoderFolder(path);
  return isOnnxModel(path) ? inspectOnnxModel(path) : undefined;
}

/** Returns whether a model still lies where it was found. */
export const isModelThere = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isFile() === true || isModelFolder(path) || isOnnxModel(path);
