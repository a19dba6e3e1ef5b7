import { statSync } from 'node:fs';
import { join } from 'node:path';
import { inspectModelFolder, isModelFolder } from '@ogong/models/model-folder';

/** Lists the files of a model: the file itself, or the files of a folder that an engine reads. @throws ModelError */
export function listModelFiles(path: string): readonly string[] {
  if (!isModelFolder(path)) return [path];
  const folder = inspectModelFolder(path);
  return folder.files.map((file) => join(folder.path, file));
}

/** Returns whether a model still lies where it was found. */
export const isModelThere = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isFile() === true || isModelFolder(path);
