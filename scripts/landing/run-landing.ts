import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { runNamedSteps } from '../named-steps.ts';
import { root, runSteps, type Step, type StepEnd } from '../steps.ts';
import { formatFailed, formatSkipped, readTestNotes, TEST_NOTES_FILE } from '../test-notes.ts';
import { countOutput, type TestCounts } from './count-output.ts';
import { describePlan, listChangedFiles } from './describe-plan.ts';
import { TEST_FILES_FILE, TEST_INPUTS_FILE } from './environment.ts';
import { estimatePart } from './estimate.ts';
import { findLanding, type LandingUnit, nameOfPart } from './landing.ts';
import { BEHIND, PARTS, type Part } from './parts.ts';
import { type PlannedUnit, planUnits } from './plan.ts';
import { listPrograms } from './programs.ts';
import { formatMinutes } from './progress.ts';
import { readRecord, writeRecord } from './record.ts';
import { formatSlowest, formatTotals } from './summary.ts';
import { formatTestInputs } from './test-inputs.ts';
import { type UnitResult, updateRecord } from './update-record.ts';

/** Words of the command line beside the names of parts. */
const MODES = ['all', 'plan'] as const;
/** The tests of the landing itself always run. So a run in which nothing changed still counts tests. */
const OWN_TESTS = /^scripts\/landing\//;
/** Settings under which tests do other work than in a landing: such a run is not recorded. */
const OTHER_RUNS = ['OGONG_LONG', 'OGONG_SEED', 'OGONG_UPGRADE_FROM', 'OGONG_COVERAGE'];

/** A part that took so long writes the record at its end. Shorter ones leave it to the end of the run. */
const SAVED_AFTER_SECONDS = 60;

type Planned = LandingUnit & PlannedUnit;

/** Runs a landing. The process ends with exit code 1 if a part fails. */
export async function runLanding(words: readonly string[]): Promise<void> {
  const names = words.filter((word) => !(MODES as readonly string[]).includes(word));
  const isKnown = names.every((name) => Object.hasOwn(PARTS, name));
  if (!isKnown || words.includes('--list') || words.includes('--help')) return printUsage();
  const record = readRecord(root);
  const programs = listPrograms(root);
  const { units, tracked } = await findLanding(root);
  const runsAlways = (name: string): boolean => OWN_TESTS.test(name) || name === nameOfPart('check');
  const options = { record, programs, runsAlways, ignoresRecord: words.includes('all') };
  const chosen = units.filter(({ part }) => names.length === 0 || names.includes(part));
  const planned = planUnits(chosen, options).map((unit, at): Planned => ({ ...(chosen[at] as LandingUnit), ...unit }));
  if (words.includes('plan')) {
    console.log(describePlan(planned, listChangedFiles(root)));
    return;
  }
  await play({ planned, units, tracked, programs });
}

function printUsage(): Promise<void> {
  const steps = Object.fromEntries(
    Object.entries(PARTS).map(([name, { title }]) => [name, { name: title, command: [] }]),
  );
  const note = `${BEHIND.join(', ')} behind the others; "all" ignores the record of green runs, "plan" prints what would run`;
  return runNamedSteps('test', steps, { note });
}

interface Play {
  readonly planned: readonly Planned[];
  readonly units: readonly LandingUnit[];
  readonly tracked: readonly string[];
  readonly programs: readonly string[];
}

async function play({ planned, units, tracked, programs }: Play): Promise<void> {
  const running = planned.filter(({ reason }) => reason !== undefined);
  const folder = mkdtempSync(join(tmpdir(), 'ogong-test-notes-'));
  process.once('exit', () => rmSync(folder, { recursive: true }));
  const notes = join(folder, 'tests');
  process.env[TEST_NOTES_FILE] = notes;
  writeFileSync(join(folder, 'files.json'), JSON.stringify(running.flatMap(({ file }) => file ?? [])));
  const inputs = new Map(
    running.flatMap(({ file, isGuarded, inputs: own }) => (file !== undefined && isGuarded ? [[file, own]] : [])),
  );
  writeFileSync(join(folder, 'inputs.json'), formatTestInputs(root, tracked, inputs));
  const env = { [TEST_FILES_FILE]: join(folder, 'files.json'), [TEST_INPUTS_FILE]: join(folder, 'inputs.json') };

  const partsToRun = Object.keys(PARTS).filter((name) => running.some(({ part }) => part === name));
  const ofPart = (name: string): readonly Planned[] => running.filter(({ part }) => part === name);
  const steps = new Map(partsToRun.map((name) => [name, toStep(name, ofPart(name).length, env)]));
  const seconds = new Map(partsToRun.map((name) => [name, estimatePart(name, ofPart(name))]));
  const nameOf = (step: Step): string => partsToRun.find((name) => steps.get(name) === step) as string;
  const isAlone = partsToRun.every((name) => BEHIND.includes(name));
  const behind = isAlone ? [] : partsToRun.filter((name) => BEHIND.includes(name));
  const first = partsToRun.filter((name) => !behind.includes(name));

  printStart(planned, [...seconds.values()]);
  const counts = new Map<string, TestCounts>();
  const results: UnitResult[] = [];
  const saveSoFar = async (): Promise<void> => {
    const files = readTestNotes(notes).files.map(({ file, ...rest }) => ({ name: file, ...rest }));
    await save({ results: [...results, ...files], units, programs });
  };
  let saving = Promise.resolve();
  const noteStep = (end: StepEnd): void => {
    noteResult(end);
    // A later part may be interrupted.
    if (end.seconds >= SAVED_AFTER_SECONDS) saving = saving.then(saveSoFar);
  };
  const noteResult = ({ step, code, seconds: took, output }: StepEnd): void => {
    const name = nameOf(step);
    seconds.delete(name);
    if (PARTS[name]?.project !== undefined) {
      // A part that failed without a failed test, such as one that found no files.
      const known = readTestNotes(notes).failed.length > 0;
      if (code !== 0 && !known) counts.set(name, { passed: 0, failed: 1, skipped: 0 });
      return;
    }
    const counted = countOutput(stripVTControlCharacters(output), code === 0);
    counts.set(name, counted);
    results.push({
      name: nameOfPart(name),
      seconds: took,
      isGreen: code === 0,
      passed: counted.passed,
      skipped: counted.skipped,
    });
  };
  const finish = async (): Promise<void> => {
    const { files, skipped } = readTestNotes(notes);
    await saving.then(saveSoFar);
    for (const text of [formatSkipped(skipped), formatSlowest(files)]) if (text !== '') console.log(text);
  };
  const pick = (list: readonly string[]): Step[] => list.map((name) => steps.get(name) as Step);
  await runSteps('test', pick(first), {
    behind: pick(behind),
    onStep: noteStep,
    describeLeft: () => `; ${formatMinutes([...seconds.values()].reduce((sum, one) => sum + one, 0))} left in all`,
    onEnd: finish,
    explain: () => formatFailed(readTestNotes(notes).failed),
    close: () => formatTotals(readTestNotes(notes).files, [...counts.values()]),
  });
}

/** Prints what runs, what the record spares, and the expected time. */
function printStart(planned: readonly Planned[], seconds: readonly number[]): void {
  const spared = planned.filter(({ reason }) => reason === undefined);
  const tests = spared.reduce((sum, { recorded }) => sum + (recorded?.passed ?? 0), 0);
  const total = seconds.reduce((sum, one) => sum + one, 0);
  console.log(
    `test: ${planned.length - spared.length} of ${planned.length} test files and parts run, ${formatMinutes(total)}; ` +
      `${spared.length} with ${tests} tests are unchanged since a recorded green run`,
  );
}

/** @param count test files of the part. */
function toStep(name: string, count: number, env: Readonly<Record<string, string>>): Step {
  const { title, project, command, cwd, niceness } = PARTS[name] as Part;
  const rest = { ...(cwd !== undefined && { cwd }), ...(niceness !== undefined && { niceness }) };
  if (project === undefined) return { name: title, command: command ?? [], keepsOutput: true, ...rest };
  return { name: `${title} (${count} files)`, command: ['vitest', 'run', '--project', project], env, ...rest };
}

interface Finished {
  readonly results: readonly UnitResult[];
  readonly units: readonly LandingUnit[];
  readonly programs: readonly string[];
}

/** Writes the record of green runs, unless the settings of this run are not those of a landing. */
async function save({ results, units, programs }: Finished): Promise<void> {
  if (OTHER_RUNS.some((name) => process.env[name] !== undefined)) return;
  const after = await findLanding(root);
  const hashesAfter = new Map(after.units.map(({ name, hash }) => [name, hash]));
  writeRecord(root, updateRecord(readRecord(root), { units, hashesAfter, results, programs }));
}
