import { statSync } from 'node:fs';
import { join } from 'node:path';
import { inspectEncoderFolder, isEncoderFolder } from '@ogong/models/encoder-folder';
import { inspectModelFolder, isModelFolder } from '@ogong/models/model-folder';

/** Lists the files of a model or of its encoder: the file itself, or the files of a folder that an engine reads. @throws ModelError */
export function listModelFiles(path: string): readonly string[] {
  if (!isModelFolder(path) && !isEncoderFolder(path)) return [path];
  const folder = isModelFolder(path) ? inspectModelFolder(path) : inspectEncoderFolder(path);
  return folder.files.map((file) => join(folder.path, file));
}

/** Returns whether a model still lies where it was found. */
export const isModelThere = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isFile() === true || isModelFolder(path);
