import { parseArgs } from 'node:util';
import { PARTS } from './parts.ts';
import type { Unit } from './units.ts';

/** The words of `npm test`. */
export interface TestCommand {
  /** Prints the units that would run, and runs none. */
  readonly isPlan: boolean;
  /** Runs the units that the change touches and a tenth of all others. */
  readonly isSample: boolean;
  /** The change begins at this commit. */
  readonly base: string | undefined;
  /** Time for a sample. */
  readonly minutes: number;
  /** Writes the times of this run into the table of expected times. */
  readonly writesSeconds: boolean;
  /** Units that the words name. */
  readonly units: readonly Unit[];
}

/** The words are wrong. The message says how. */
export class UsageError extends Error {}

/** A sample without `--minutes` takes at most so long. */
const SAMPLE_MINUTES = 20;

const PART_NAMES = Object.keys(PARTS);
const USUAL = PART_NAMES.filter((name) => PARTS[name]?.isUsual);
const MODES: readonly string[] = ['all', 'plan', 'sample'];

const NAME_WIDTH = Math.max(...PART_NAMES.map((name) => name.length)) + 2;

export const USAGE = `usage: npm test [-- WORDS]

  npm test                       ${USUAL.join(', ')}
  npm test -- all                every part
  npm test -- PART ...           only these parts
  npm test -- FOLDER ...         all tests in these folders or files; with parts, those of these parts
  npm test -- sample             tests of the other parts: those that the change touches, and a tenth of the rest
  npm test -- plan [WORDS]       prints what would run, with the expected time

  --base REF       sample: the change begins where HEAD and REF part (default: the remote's main branch)
  --minutes N      sample: the time that it may take (default: ${SAMPLE_MINUTES})
  --write-seconds  writes the times of this run into scripts/tests/seconds.json
  --list           prints the parts

parts:
${PART_NAMES.map((name) => `  ${name.padEnd(NAME_WIDTH)}${PARTS[name]?.title}`).join('\n')}`;

/**
 * Reads the words behind `npm test --`.
 * @param all every unit of the repository.
 * @throws UsageError if a word names nothing.
 */
export function parseTestCommand(args: readonly string[], all: readonly Unit[]): TestCommand {
  const { values, words } = parseWords(args);
  const names = words.filter((word) => !MODES.includes(word));
  const parts = names.filter((name) => PART_NAMES.includes(name));
  const places = names.filter((name) => !PART_NAMES.includes(name)).map(cleanPath);
  for (const place of places)
    if (!all.some((unit) => isWithin(unit, place)))
      throw new UsageError(`${place} is no part, and no folder or file with tests`);
  const isSample = words.includes('sample');
  const isUsualPart = (part: string): boolean => USUAL.includes(part) !== isSample;
  const isAll = words.includes('all') || places.length > 0;
  const units = all.filter(
    (unit) =>
      (parts.length > 0 ? parts.includes(unit.part) : isAll || isUsualPart(unit.part)) &&
      (places.length === 0 || places.some((place) => isWithin(unit, place))),
  );
  if (units.length === 0) throw new UsageError(`no test of ${parts.join(', ')} is in ${places.join(', ')}`);
  return {
    ...{ isSample, units, isPlan: words.includes('plan'), base: values.base },
    ...{ minutes: parseMinutes(values.minutes), writesSeconds: values['write-seconds'] === true },
  };
}

function parseWords(args: readonly string[]) {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        ...{ base: { type: 'string' }, minutes: { type: 'string' } },
        'write-seconds': { type: 'boolean' },
      },
    });
    return { values, words: positionals };
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function parseMinutes(text: string | undefined): number {
  const minutes = Number(text ?? SAMPLE_MINUTES);
  if (!(minutes > 0)) throw new UsageError(`--minutes ${text}: not a number above 0`);
  return minutes;
}

const cleanPath = (path: string): string => path.replaceAll('\\', '/').replace(/^\.\//, '').replace(/\/+$/, '');

const isWithin = ({ file }: Unit, place: string): boolean => file === place || file?.startsWith(`${place}/`) === true;
