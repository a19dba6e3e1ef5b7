import { execFileSync } from 'node:child_process';
import { createInputFinder } from './inputs.ts';
import { findNamedInputs, findOwnInputs, LISTED_TESTS } from './named-inputs.ts';
import { PARTS } from './parts.ts';
import { projectOf } from './projects.ts';

/** A test file or a whole part: the smallest thing that runs or is left out. */
export interface Unit {
  /** Path of the test file, or the part's name behind a colon. */
  readonly name: string;
  readonly part: string;
  /** Path of the test file. Undefined for a whole part. */
  readonly file: string | undefined;
}

/** Returns every unit of the repository. Test files that git does not track yet count too. */
export function listUnits(root: string): readonly Unit[] {
  const files = listTestFiles(root);
  return Object.entries(PARTS).flatMap(([part, { project }]): Unit[] =>
    project === undefined
      ? [{ name: `:${part}`, part, file: undefined }]
      : files.filter((file) => projectOf(file) === project).map((file) => ({ name: file, part, file })),
  );
}

function listTestFiles(root: string): readonly string[] {
  const words = ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--deduplicate', '*.test.ts'];
  const deleted = list(root, ['ls-files', '-z', '--deleted', '*.test.ts']);
  return list(root, words).filter((path) => !deleted.includes(path));
}

const list = (root: string, words: readonly string[]): readonly string[] =>
  execFileSync('git', words, { cwd: root, encoding: 'utf8' }).split('\0').filter(Boolean);

/** Returns the inputs of units, by name: every file whose change may change the result. */
export async function findUnitInputs(
  root: string,
  units: readonly Unit[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const finder = await createInputFinder(root);
  const gone = LISTED_TESTS.filter((path) => !finder.tracked.paths.has(path));
  if (gone.length > 0) throw new Error(`scripts/tests/named-inputs.ts names tests that are gone: ${gone.join(', ')}`);
  return new Map(
    units.map(({ name, part, file }) => {
      if (file === undefined) return [name, finder.find(PARTS[part]?.entries ?? [], PARTS[part]?.inputs)];
      const own = findOwnInputs(file);
      if (own !== undefined) return [name, own.flatMap((one) => finder.list(one))];
      return [name, finder.find([file], findNamedInputs(file, finder.code.get(file) ?? ''))];
    }),
  );
}
