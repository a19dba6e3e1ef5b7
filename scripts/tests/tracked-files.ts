import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path/posix';

/** The files of the repository that git tracks and that exist on the disk. Untracked files never count. */
export interface TrackedFiles {
  /** Absolute path of the repository. */
  readonly root: string;
  /** Paths relative to the repository, with forward slashes, sorted. */
  readonly paths: ReadonlySet<string>;
  /** Tracked files by directory, those of directories inside it included. */
  readonly directories: ReadonlyMap<string, readonly string[]>;
}

export function listTrackedFiles(root: string): TrackedFiles {
  const list = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 26 });
  return indexFiles(
    root,
    list.split('\0').filter((path) => path !== '' && existsSync(join(root, path))),
  );
}

export function indexFiles(root: string, list: readonly string[]): TrackedFiles {
  const paths = [...new Set(list)].sort();
  const directories = new Map<string, string[]>();
  for (const path of paths) {
    for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) {
      const inside = directories.get(folder);
      if (inside === undefined) directories.set(folder, [path]);
      else inside.push(path);
    }
  }
  return { root, paths: new Set(paths), directories };
}
