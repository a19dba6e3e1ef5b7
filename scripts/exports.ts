// Checks the public entries of each package: `exports` names exactly the modules that other workspaces import. `--write` writes
// them; without it a missing or unused entry is an error.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from './steps.ts';

export interface SourceText {
  /** Relative to the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

/** Packages whose one entry file is written by hand. */
const HAND_WRITTEN = new Set(['sdk']);
const ENTRY = /(['"`])@ogong\/([a-z]+)\/([a-zA-Z0-9/._-]+)\1/g;

/** Entries by package, ascending: the modules that other workspaces name in strings, to import or to resolve. */
export function findEntries(files: readonly SourceText[]): ReadonlyMap<string, readonly string[]> {
  const entries = new Map<string, Set<string>>();
  for (const { path, text } of files) {
    const home = /^packages\/([a-z]+)\//.exec(path)?.[1];
    for (const [, , name, entry] of text.matchAll(ENTRY)) {
      if (name === undefined || entry === undefined || name === home || entry === 'package.json') continue;
      entries.set(name, (entries.get(name) ?? new Set()).add(entry));
    }
  }
  return new Map([...entries].map(([name, found]) => [name, [...found].sort()]));
}

/** Entries that `exports` lists in vain, and entries that it lacks. */
export function compareEntries(listed: readonly string[], wanted: readonly string[]): string[] {
  return [
    ...wanted.filter((entry) => !listed.includes(entry)).map((entry) => `${entry} is imported and not listed`),
    ...listed.filter((entry) => !wanted.includes(entry)).map((entry) => `${entry} is listed and nobody imports it`),
  ];
}

function readSources(): SourceText[] {
  const list = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.ts', '*.tsx'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  return list
    .split('\n')
    .filter((path) => /^(packages|apps|lab|scripts)\//.test(path) && !/^scripts\/.*\.test\.ts$/.test(path))
    .flatMap((path) => {
      try {
        return [{ path, text: readFileSync(join(root, path), 'utf8') }];
      } catch {
        // Deleted in the working tree, but still in the index.
        return [];
      }
    });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const isWriting = process.argv.includes('--write');
  let problems = 0;
  for (const [name, wanted] of findEntries(readSources())) {
    const file = join(root, 'packages', name, 'package.json');
    const manifest = JSON.parse(readFileSync(file, 'utf8')) as { exports: Record<string, string> };
    const listed = Object.keys(manifest.exports).map((entry) => entry.replace(/^\.\/?/, ''));
    if (HAND_WRITTEN.has(name)) continue;
    if (isWriting) {
      manifest.exports = Object.fromEntries(wanted.map((entry) => [`./${entry}`, `./src/${entry}.ts`]));
      writeFileSync(file, `${JSON.stringify(manifest, null, 2)}\n`);
      continue;
    }
    for (const problem of compareEntries(listed, wanted)) {
      problems++;
      console.error(`packages/${name}/package.json: ${problem}`);
    }
  }
  console.log(
    problems === 0
      ? 'exports: every package names what others import, and nothing else'
      : `exports: ${problems} wrong; node scripts/exports.ts --write mends them`,
  );
  process.exitCode = problems === 0 ? 0 : 1;
}
