import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** The part of `scripts/join-programs.mjs` that is used here. All paths are below the root, except those of `listJoined`. */
interface JoinPrograms {
  joinModules(
    root: string,
    task: { readonly folder: string; readonly entries: readonly string[]; readonly folders: readonly string[] },
  ): Promise<void>;
  listJoined(folder: string): Readonly<Record<string, string>>;
}

export interface JoinedChildren {
  /** Returns the URL of a module's joined file. @throws Error for another module. */
  find(module: string): string;
  remove(): void;
}

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
/** `scripts/run.mjs` removes old folders here, so that a killed run leaves nothing for long. */
const CACHE = join(ROOT, '.cache', 'programs');
const LOAD = join('lab', 'src', 'load');
const FOLDERS = [LOAD, join('lab', 'src', 'path'), join('packages', 'testing', 'src')];

/**
 * Joins modules of this folder, as `npm run ogong-gatewayd` joins the daemon. A process that reads its sources holds twice the memory:
 * Node strips their types in it.
 * @param modules names of files.
 */
export async function joinChildren(modules: readonly string[]): Promise<JoinedChildren> {
  mkdirSync(CACHE, { recursive: true });
  const folder = mkdtempSync(join(CACHE, 'load-'));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  const script = pathToFileURL(join(ROOT, 'scripts', 'join-programs.mjs')).href;
  const { joinModules, listJoined } = (await import(script)) as JoinPrograms;
  try {
    await joinModules(ROOT, { folder, entries: modules.map((module) => join(LOAD, module)), folders: FOLDERS });
  } catch (error) {
    remove();
    throw error;
  }
  const files = listJoined(folder);
  return {
    remove,
    find(module) {
      const file = files[join(ROOT, LOAD, module)];
      if (file === undefined) throw new Error(`${module} is not joined`);
      return pathToFileURL(file).href;
    },
  };
}
