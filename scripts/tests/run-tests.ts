import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { root, runSteps, type Step, type StepEnd } from '../steps.ts';
import { formatFailed, formatSkipped, readTestNotes, TEST_NOTES_FILE } from '../test-notes.ts';
import { findBase, findChanges, readCommit } from './changes.ts';
import { parseTestCommand, type TestCommand, USAGE, UsageError } from './command.ts';
import { countOutput, type TestCounts } from './count-output.ts';
import { describeSample } from './describe-sample.ts';
import { TEST_FILES_FILE } from './environment.ts';
import { BEHIND, PARTS, type Part } from './parts.ts';
import { formatMinutes } from './progress.ts';
import { projectOf } from './projects.ts';
import { chooseSample, sumSeconds } from './sample.ts';
import {
  expectSeconds,
  type MeasuredUnit,
  readExpectedSeconds,
  updateExpectedSeconds,
  writeExpectedSeconds,
} from './seconds.ts';
import { formatSlowest, formatTotals } from './summary.ts';
import { findUnitInputs, listUnits, type Unit } from './units.ts';

/** Test files that run at a time. */
const WORKERS = 2;
/** Units that the change touches take at most so long of a sample. */
const TOUCHED_MINUTES = 15;
/** A sample is planned for less time than it has: a machine may be slower than the one that measured. */
const PLANNED_SHARE = 0.8;

/** A unit with its expected share of the run, in seconds on two processors. */
interface PlannedUnit extends Unit {
  readonly seconds: number;
}

/** Runs the tests that the words name. The process ends with exit code 1 if one fails, and with 2 if the words name nothing. */
export async function runTests(args: readonly string[]): Promise<void> {
  if (args.includes('--help')) return console.log(USAGE);
  if (args.includes('--list')) return printParts();
  const all = listUnits(root);
  try {
    const command = parseTestCommand(args, all);
    const expected = readExpectedSeconds(root);
    const units = command.units.map((unit): PlannedUnit => {
      const seconds = expectSeconds(expected, unit);
      return { ...unit, seconds: unit.file === undefined ? seconds : seconds / WORKERS };
    });
    const chosen = command.isSample ? await pickSample(units, command) : units;
    if (command.isPlan) return printPlan(chosen);
    await play(chosen, command.writesSeconds ? new Set(all.map(({ name }) => name)) : undefined);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`test: ${error.message}\n\n${USAGE}`);
    process.exitCode = 2;
  }
}

function printParts(): void {
  const width = Math.max(...Object.keys(PARTS).map((name) => name.length));
  for (const [name, { title }] of Object.entries(PARTS)) console.log(`${name.padEnd(width)}  ${title}`);
}

async function pickSample(units: readonly PlannedUnit[], options: TestCommand): Promise<readonly PlannedUnit[]> {
  const commit = readCommit(root);
  const base = findBase(root, options.base);
  const changes = base === undefined ? undefined : await findChanges(root, base);
  const inputs = await findUnitInputs(root, units);
  const isTouched = ({ name }: Unit): boolean =>
    changes === undefined || changes.areForAll || (inputs.get(name) ?? []).some((input) => changes.inputs.has(input));
  const sample = chooseSample(units, {
    ...{ commit, isTouched, seconds: options.minutes * 60 * PLANNED_SHARE },
    touchedSeconds: TOUCHED_MINUTES * 60 * PLANNED_SHARE,
  });
  console.log(describeSample(sample, { base, commit, total: units.length }));
  return [...sample.touched, ...sample.drawn];
}

function printPlan(units: readonly PlannedUnit[]): void {
  for (const part of Object.keys(PARTS)) {
    const own = units.filter((unit) => unit.part === part);
    if (own.length === 0) continue;
    const files = own.filter(({ file }) => file !== undefined).length;
    console.log(`${part}: ${files === 0 ? 'whole' : `${files} files`}, ${formatMinutes(sumSeconds(own))}`);
  }
  console.log(`in all: ${units.length} test files and parts, ${formatMinutes(sumSeconds(units))}`);
}

/** @param measuring names of all units, if the times of this run are to be kept. */
async function play(units: readonly PlannedUnit[], measuring: ReadonlySet<string> | undefined): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'ogong-test-notes-'));
  process.once('exit', () => rmSync(folder, { recursive: true }));
  const notes = join(folder, 'tests');
  process.env[TEST_NOTES_FILE] = notes;
  const filesFile = join(folder, 'files.json');
  writeFileSync(filesFile, JSON.stringify(units.flatMap(({ file }) => file ?? [])));

  const names = Object.keys(PARTS).filter((name) => units.some(({ part }) => part === name));
  const ofPart = (name: string): readonly PlannedUnit[] => units.filter(({ part }) => part === name);
  const steps = new Map(
    names.map((name) => [name, toStep(name, ofPart(name).length, { [TEST_FILES_FILE]: filesFile })]),
  );
  const left = new Map(names.map((name) => [name, sumSeconds(ofPart(name))]));
  const nameOf = (step: Step): string => names.find((name) => steps.get(name) === step) as string;
  const isAlone = names.every((name) => BEHIND.includes(name));
  const behind = isAlone ? [] : names.filter((name) => BEHIND.includes(name));

  console.log(`test: ${units.length} test files and parts, ${formatMinutes(sumSeconds(units))}`);
  const counts = new Map<string, TestCounts>();
  const wholes: MeasuredUnit[] = [];
  const onStep = ({ step, code, seconds, output }: StepEnd): void => {
    const name = nameOf(step);
    left.delete(name);
    if (PARTS[name]?.project === undefined) {
      counts.set(name, countOutput(stripVTControlCharacters(output), code === 0));
      wholes.push({ name: `:${name}`, part: name, seconds });
    } else if (code !== 0 && !readTestNotes(notes).failed.some(({ file }) => projectOf(file) === name)) {
      // A part that failed without a failed test, such as one that found no files.
      counts.set(name, { passed: 0, failed: 1, skipped: 0 });
    }
  };
  const onEnd = (): void => {
    const { files, skipped } = readTestNotes(notes);
    for (const text of [formatSkipped(skipped), formatSlowest(files)]) if (text !== '') console.log(text);
    if (measuring === undefined) return;
    const ran = files
      .filter(({ passed }) => passed > 0)
      .map(({ file, seconds }) => ({ name: file, part: projectOf(file) ?? '', seconds }));
    writeExpectedSeconds(root, updateExpectedSeconds(readExpectedSeconds(root), [...ran, ...wholes], measuring));
  };
  const pick = (list: readonly string[]): Step[] => list.map((name) => steps.get(name) as Step);
  await runSteps('test', pick(names.filter((name) => !behind.includes(name))), {
    ...{ behind: pick(behind), goesOn: true, onStep, onEnd },
    describeLeft: () => `; ${formatMinutes([...left.values()].reduce((sum, one) => sum + one, 0))} left in all`,
    explain: () => formatFailed(readTestNotes(notes).failed),
    close: () => formatTotals(readTestNotes(notes).files, [...counts.values()]),
  });
}

/** @param count test files of the part. */
function toStep(name: string, count: number, env: Readonly<Record<string, string>>): Step {
  const { title, project, command, cwd, niceness } = PARTS[name] as Part;
  const rest = { ...(cwd !== undefined && { cwd }), ...(niceness !== undefined && { niceness }) };
  if (project === undefined) return { name: title, command: command ?? [], keepsOutput: true, ...rest };
  const files = count === 1 ? '1 file' : `${count} files`;
  return { name: `${title} (${files})`, command: ['vitest', 'run', '--project', project], env, ...rest };
}
