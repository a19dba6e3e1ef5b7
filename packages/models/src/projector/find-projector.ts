import { readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isEncoderFolder, isProjectorFile } from '../encoder-folder.ts';
import { isProjectorName, pickProjector } from '../hub.ts';

/** Lists the projectors that lie beside a model's file; none if its folder cannot be read. */
export function listProjectorsBeside(model: string): readonly string[] {
  const folder = dirname(model);
  try {
    const names = readdirSync(folder).filter(isProjectorName).sort();
    return names.map((name) => join(folder, name));
  } catch {
    return [];
  }
}

/**
 * Finds the projector that a path names: the file itself, or that of a folder. A folder with an encoder's network needs none.
 * @returns undefined for a path of another kind.
 * @throws ModelError as `pickProjector`.
 */
export function findProjectorFile(path: string): string | undefined {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true)
    return isProjectorFile(path) ? path : undefined;
  if (isEncoderFolder(path)) return undefined;
  const names = readdirSync(path).filter(isProjectorName).sort();
  return names.length === 0 ? undefined : join(path, pickProjector(names, path));
}
