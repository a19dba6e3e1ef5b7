// Checks names of types: one name means one thing in the whole repository, and a type is a noun.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from './steps.ts';

export interface NamedSource {
  /** Relative to the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

const EXPORTED = /^export (?:interface|type|class|abstract class) ([A-Z][A-Za-z0-9]*)/gm;

/** Participles alone as names: they say what was done to a thing, and not what it is. */
const PARTICIPLES = new Set([
  'Asked',
  'Answered',
  'Believed',
  'Built',
  'Checked',
  'Claimed',
  'Combined',
  'Committed',
  'Counted',
  'Decided',
  'Disputed',
  'Drawn',
  'Found',
  'Given',
  'Heard',
  'Held',
  'Judged',
  'Known',
  'Listed',
  'Made',
  'Measured',
  'Meant',
  'Opened',
  'Paid',
  'Parsed',
  'Played',
  'Questioned',
  'Read',
  'Said',
  'Seen',
  'Sent',
  'Served',
  'Shown',
  'Signed',
  'Sold',
  'Stored',
  'Taken',
  'Told',
  'Traced',
  'Used',
  'Wanted',
  'Weighed',
  'Written',
]);

/** Problems in the exported types of these files. Generated wire messages and tests are left out. */
export function findNameProblems(files: readonly NamedSource[]): string[] {
  const places = new Map<string, string[]>();
  for (const { path, text } of files) {
    if (path.includes('/generated/') || /\.(test|d)\.ts$/.test(path)) continue;
    for (const [, name] of text.matchAll(EXPORTED)) {
      if (name !== undefined) places.set(name, [...(places.get(name) ?? []), path]);
    }
  }
  return [...places].flatMap(([name, paths]) => [
    ...(new Set(paths).size > 1 ? [`${name} means ${paths.length} things: ${paths.join(', ')}`] : []),
    ...(PARTICIPLES.has(name) ? [`${name} is a participle, not a thing: ${paths[0]}`] : []),
  ]);
}

function readSources(): NamedSource[] {
  const list = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.ts', '*.tsx'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  return list
    .split('\n')
    .filter((path) => /^(packages|apps|lab)\//.test(path))
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
  const problems = findNameProblems(readSources());
  for (const problem of problems) console.error(problem);
  console.log(problems.length === 0 ? 'names: each type is a noun of its own' : `names: ${problems.length} problems`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
