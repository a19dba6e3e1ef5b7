import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { nameCode } from './inputs.ts';
import { isCode, stripPath } from './read-code.ts';

/** Files that every test depends on. */
const SHARED_BY_ALL: ReadonlySet<string> = new Set([
  'package-lock.json',
  'scripts/join-programs.mjs',
  'scripts/no-process.setup.ts',
  'scripts/own-store.setup.ts',
  'scripts/properties.setup.ts',
  'tsconfig.base.json',
  'vitest.config.ts',
]);

/** The branch that changes land on, as a clone knows it. */
const LANDED = ['refs/remotes/origin/HEAD', 'refs/remotes/origin/main'] as const;

export interface Changes {
  /** Changed files, and changed modules by their code, named as inputs are. */
  readonly inputs: ReadonlySet<string>;
  /** A file changed that every test depends on, or git cannot tell what changed. */
  readonly areForAll: boolean;
}

/**
 * Finds the commit at which the change begins: the merge base with the branch that changes land on. Returns undefined where that cannot
 * be told: the clone knows no such branch, or the branch holds the change itself.
 * @param named a commit or branch to use instead.
 * @throws Error if git does not know the named one.
 */
export function findBase(root: string, named?: string): string | undefined {
  const head = git(root, 'rev-parse', 'HEAD');
  if (named !== undefined) {
    const base = git(root, 'merge-base', 'HEAD', named);
    if (base === undefined) throw new Error(`--base: git finds no common commit with ${named}`);
    return base;
  }
  const bases = LANDED.map((branch) => git(root, 'merge-base', 'HEAD', branch));
  return bases.find((base) => base !== undefined && base !== head);
}

/** Returns the hash of the current commit. */
export const readCommit = (root: string): string => git(root, 'rev-parse', 'HEAD') ?? '';

/** Compares the files on the disk with those of a commit. */
export async function findChanges(root: string, base: string): Promise<Changes> {
  const listed = git(root, 'diff', '--name-only', '--no-renames', '-z', base);
  // A clone without that commit's files cannot tell.
  if (listed === undefined) return { inputs: new Set(), areForAll: true };
  const changed = split(listed);
  const added = split(git(root, 'ls-files', '-z', '--others', '--exclude-standard') ?? '');
  const inputs = new Set([...changed, ...added]);
  for (const path of changed) {
    if (!isCode(path)) continue;
    const before = git(root, 'show', `${base}:${path}`);
    const after = existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8') : undefined;
    const isSame =
      before !== undefined && after !== undefined && (await stripPath(path, before)) === (await stripPath(path, after));
    if (!isSame) inputs.add(nameCode(path));
  }
  return { inputs, areForAll: [...inputs].some((path) => SHARED_BY_ALL.has(path)) };
}

const split = (list: string): readonly string[] => list.split('\0').filter(Boolean);

/** Returns the output of git without white space around it, or undefined if git refuses. */
function git(root: string, ...words: string[]): string | undefined {
  try {
    return execFileSync('git', words, {
      ...{ cwd: root, encoding: 'utf8', maxBuffer: 2 ** 28 },
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return undefined;
  }
}
