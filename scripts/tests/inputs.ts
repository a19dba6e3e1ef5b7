import { findNamedPaths, type NamedPaths, type Places } from './named-paths.ts';
import { type CodeByPath, isCode, readCode } from './read-code.ts';
import { listTrackedFiles } from './tracked-files.ts';
import { readWorkspaceExports } from './workspaces.ts';

/** Finds the inputs of tests: each file whose change may change their result. */
export interface InputFinder extends Places {
  readonly code: CodeByPath;
  /**
   * Returns the inputs of entries, sorted: modules by their code (`code:PATH`), other files by their bytes.
   * @param named files, directories and patterns to add.
   */
  find(entries: readonly string[], named?: readonly string[]): readonly string[];
  /** Returns the tracked files of a path or pattern, without their imports. */
  list(pattern: string): readonly string[];
}

/** Everything that is tracked, for a test that reads the whole repository. */
export const EVERYTHING = '.';

/** Returns the input that stands for a module's code: an edit of its comments and types is no change. */
export const nameCode = (path: string): string => `code:${path}`;

export async function createInputFinder(root: string): Promise<InputFinder> {
  const tracked = listTrackedFiles(root);
  const code = await readCode(root, [...tracked.paths].filter(isCode));
  return joinFinder({ tracked, exports: readWorkspaceExports(root), code });
}

interface FinderParts extends Places {
  readonly code: CodeByPath;
}

export function joinFinder({ tracked, exports, code }: FinderParts): InputFinder {
  const named = new Map<string, NamedPaths>();
  const lookUp = (path: string): NamedPaths => {
    const known = named.get(path);
    if (known !== undefined) return known;
    const found = findNamedPaths(path, code.get(path) ?? '', { tracked, exports });
    named.set(path, found);
    return found;
  };
  /** A directory counts by its files, so a new file is a change. */
  const list = (path: string): readonly string[] => {
    if (path === EVERYTHING) return [...tracked.paths];
    const pattern = new RegExp(`^${path.replaceAll('.', '\\.').replaceAll('*', '[^/]+')}$`);
    const files = tracked.directories.get(path) ?? [...tracked.paths].filter((file) => pattern.test(file));
    if (files.length === 0) throw new Error(`no tracked file or directory: ${path}`);
    return files;
  };
  return {
    ...{ tracked, exports, code, list },
    find(entries, more = []) {
      const inputs = new Set<string>();
      const visited = new Set<string>();
      const waiting = [...entries];
      const addFile = (path: string): void => {
        inputs.add(path);
        // A named module may be read or started.
        if (code.has(path)) waiting.push(path);
      };
      const addNamed = (path: string): void => {
        // The modules of the whole repository need not be followed: all are there.
        for (const file of list(path)) path === EVERYTHING ? inputs.add(file) : addFile(file);
      };
      for (const path of more) addNamed(path);
      for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
        if (visited.has(path)) continue;
        visited.add(path);
        if (!code.has(path)) {
          inputs.add(path);
          continue;
        }
        inputs.add(nameCode(path));
        const { imports, files, directories } = lookUp(path);
        waiting.push(...imports);
        for (const one of [...files, ...directories]) addNamed(one);
      }
      return [...inputs].sort();
    },
  };
}
