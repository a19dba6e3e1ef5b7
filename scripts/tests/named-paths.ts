import { dirname, join, normalize } from 'node:path/posix';
import type { TrackedFiles } from './tracked-files.ts';
import type { WorkspaceExports } from './workspaces.ts';

/** The repository's files that code names: modules that it imports, and files and directories in its strings. */
export interface NamedPaths {
  readonly imports: readonly string[];
  readonly files: readonly string[];
  readonly directories: readonly string[];
}

const IMPORT = /\b(?:from|import)\s*\(?\s*(["'`])([^"'`$\n]+)\1/g;
/** Runs of the characters that a path is made of. */
const WORD = /[\w@./-]+/g;
/** `new URL('../page/', import.meta.url)`, also with a template behind the directory. */
const LOCATED = /\bnew URL\(["'`]([\w@./-]+)(\$\{)?/g;
/** `join(root, 'docs', 'spec')`, without white space. */
const JOINED = /\b(?:root|ROOT|repository)\)?,((?:["'`][\w@./-]+["'`],?)+)/g;
/** Their whole content is no input: a program that names one of them looks for something inside. */
const WIDE = /^(?:packages|apps|lab|contracts|scripts|docs|\.)$|^(?:packages|apps)\/[^/]+(?:\/src)?$|^lab\/src$/;

export interface Places {
  readonly tracked: TrackedFiles;
  readonly exports: WorkspaceExports;
}

/** @param code without comments and white space. */
export function findNamedPaths(path: string, code: string, { tracked, exports }: Places): NamedPaths {
  const home = dirname(path);
  const imports = new Set<string>();
  const specifiers = new Set<string>();
  for (const [, , specifier = ''] of code.matchAll(IMPORT)) {
    const target = specifier.startsWith('.') ? join(home, specifier) : exports.get(specifier);
    if (target === undefined || !tracked.paths.has(target)) continue;
    imports.add(target);
    specifiers.add(specifier);
  }
  const files = new Set<string>();
  const directories = new Set<string>();
  const addFile = (target: string): void => {
    if (tracked.paths.has(target)) files.add(target);
    // A hash lies beside the file that it is of.
    const hash = target.replace(/\.json$/, '.sha256');
    if (tracked.paths.has(hash)) files.add(hash);
  };
  const words = [...new Set(code.match(WORD))].filter((word) => /[./]/.test(word) && !specifiers.has(word));
  const addAny = (target: string): void => {
    const clean = target.replace(/\/$/, '');
    addFile(clean);
    if (!tracked.directories.has(clean)) return;
    if (!WIDE.test(clean)) directories.add(clean);
    // `new URL('classes.json', folder)`: files in a directory that is named beside them.
    if (!WIDE.test(clean) || clean === 'docs') for (const word of words) addFile(join(clean, word));
  };
  for (const word of words) {
    const exported = exports.get(word);
    addFile(exported ?? join(home, word));
    // A message to a user names pages of docs/, too: only tests and scripts read what they name from the root.
    if (exported === undefined && word.includes('/') && !word.startsWith('.') && readsFromRoot(path))
      addAny(normalize(word));
  }
  for (const [, target = '', isTemplate] of code.matchAll(LOCATED)) {
    // `../releases/stores-${release}.json` may be any file of the directory.
    addAny(join(home, isTemplate === undefined || target.endsWith('/') ? target : dirname(target)));
  }
  for (const [, list = ''] of code.matchAll(JOINED))
    addAny(list.replace(/["'`]/g, '').replaceAll(',', '/').replace(/\/$/, ''));
  return { imports: [...imports], files: [...files], directories: [...directories] };
}

const readsFromRoot = (path: string): boolean =>
  /\.test\.ts$|-fixture\.ts$|^(?:packages\/testing|lab|scripts|contracts)\//.test(path);
