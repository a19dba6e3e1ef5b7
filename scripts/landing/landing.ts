import { execFileSync } from 'node:child_process';
import { GLOBAL_INPUTS, listVersions } from './globals.ts';
import { createInputFinder, type InputFinder } from './inputs.ts';
import { findNamedInputs, findOwnInputs, LISTED_TESTS } from './named-inputs.ts';
import { PARTS } from './parts.ts';
import type { Unit } from './plan.ts';
import { projectOf } from './projects.ts';
import { RECORD_PATH } from './record.ts';

/** A unit of a landing with its inputs. */
export interface LandingUnit extends Unit {
  /** Name of its part. */
  readonly part: string;
  /** Path of the test file. Undefined for a whole part. */
  readonly file: string | undefined;
  readonly inputs: readonly string[];
  /** The test fails if it reads a tracked file outside its inputs. */
  readonly isGuarded: boolean;
}

export interface Landing {
  readonly units: readonly LandingUnit[];
  /** Paths of all tracked files. */
  readonly tracked: readonly string[];
}

/** The key of a whole part in the record. */
export const nameOfPart = (part: string): string => `:${part}`;

/** Finds every unit of a landing, and the hash of its inputs. */
export async function findLanding(root: string): Promise<Landing> {
  const finder = await createInputFinder(root, listVersions(root));
  const gone = LISTED_TESTS.filter((path) => !finder.tracked.paths.has(path));
  if (gone.length > 0) throw new Error(`scripts/landing/named-inputs.ts names tests that are gone: ${gone.join(', ')}`);
  const units = Object.entries(PARTS).flatMap(
    ([part, { project, entries = [], inputs = [], workspace }]): LandingUnit[] => {
      if (project !== undefined) return listTests(root, finder, { part, project });
      const found = leaveRecord(finder.find(entries, inputs));
      const versions = workspace === undefined ? undefined : listVersions(root, { workspace });
      const hash = finder.hash(found, versions);
      return [{ name: nameOfPart(part), part, file: undefined, inputs: found, hash, isGuarded: false }];
    },
  );
  return { units, tracked: [...finder.tracked.paths] };
}

interface ListedProject {
  readonly part: string;
  readonly project: string;
}

function listTests(root: string, finder: InputFinder, { part, project }: ListedProject): LandingUnit[] {
  const isOfProject = (path: string): boolean => projectOf(path) === project;
  const tracked = [...finder.tracked.paths].filter(isOfProject).map((file): LandingUnit => {
    const own = findOwnInputs(file);
    const found =
      own === undefined
        ? finder.find([file], findNamedInputs(file, finder.code.get(file) ?? ''))
        : own.flatMap((one) => finder.list(one));
    const inputs = leaveRecord([...new Set([...found, ...GLOBAL_INPUTS])].sort());
    return { name: file, part, file, inputs, hash: finder.hash(inputs), isGuarded: own === undefined };
  });
  // A file that git does not know yet runs each time: no clone has it.
  const added = listUntracked(root).filter(isOfProject);
  return [...tracked, ...added.map((file) => ({ name: file, part, file, inputs: [], hash: '', isGuarded: false }))];
}

/** The record itself is no input: a run writes it. */
const leaveRecord = (inputs: readonly string[]): readonly string[] => inputs.filter((input) => input !== RECORD_PATH);

function listUntracked(root: string): readonly string[] {
  const words = ['ls-files', '-z', '--others', '--exclude-standard', '*.test.ts'];
  return execFileSync('git', words, { cwd: root, encoding: 'utf8' }).split('\0').filter(Boolean);
}
