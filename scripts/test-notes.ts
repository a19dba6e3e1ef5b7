import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';
import type { Reporter, TestCase, TestModule, TestSuite } from 'vitest/node';

/** Names the file in which test runs of one `npm test` note what they skipped and what failed. Without it each run says what it skipped at its own end. */
export const TEST_NOTES_FILE = 'OGONG_TEST_NOTES_FILE';

interface SkippedTests {
  readonly file: string;
  /** Of a suite that is skipped as a whole, its name alone. The name says why. */
  readonly name: string;
  readonly tests: number;
}

interface FailedTest {
  readonly file: string;
  /** Empty where the file as a whole has failed. */
  readonly name: string;
  /** The first lines of its first error. */
  readonly error: string;
}

/** The result of one file of tests. */
export interface FileResult {
  readonly file: string;
  readonly seconds: number;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Nothing failed: no test, no hook, no import, and nothing outside of every test in the same run. */
  readonly isGreen: boolean;
}

interface TestNotes {
  readonly skipped: readonly SkippedTests[];
  readonly failed: readonly FailedTest[];
  readonly files: readonly FileResult[];
}

interface NotedError {
  readonly message: string;
}

/** The end of a log is what everybody sees: it has room for so much. */
const MAX_FAILURES_SHOWN = 12;
const MAX_ERROR_CHARS = 300;

/**
 * A Vitest reporter: the end of a log shows in one place the skipped tests with their reasons, and the failed ones.
 * @public vitest.config.ts has it
 */
export class TestNotesReporter implements Reporter {
  readonly #file: string | undefined;
  readonly #print: (text: string) => void;

  constructor(file: string | undefined, print: (text: string) => void) {
    this.#file = file;
    this.#print = print;
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly NotedError[] = []): void {
    const skipped = modules.flatMap((module) => listSkipped(module));
    if (this.#file === undefined) {
      // Vitest itself has just printed what failed.
      this.#print(formatSkipped(skipped));
      return;
    }
    const failed = [
      ...modules.flatMap((module) => listFailed(module)),
      ...unhandled.map((error) => ({ file: 'outside of every test', name: '', error: shorten([error]) })),
    ];
    const files = modules.map((module) => summarizeFile(module, unhandled.length === 0));
    appendFileSync(this.#file, `${JSON.stringify({ skipped, failed, files } satisfies TestNotes)}\n`);
  }
}

function summarizeFile(module: TestModule, isRunClean: boolean): FileResult {
  const count = (state: 'passed' | 'failed' | 'skipped'): number => [...module.children.allTests(state)].length;
  const { environmentSetupDuration, prepareDuration, collectDuration, setupDuration, duration } = module.diagnostic();
  return {
    file: module.relativeModuleId.replaceAll('\\', '/'),
    seconds: (environmentSetupDuration + prepareDuration + collectDuration + setupDuration + duration) / 1000,
    passed: count('passed'),
    failed: count('failed'),
    skipped: count('skipped'),
    isGreen: isRunClean && ['passed', 'skipped'].includes(module.state()) && listFailed(module).length === 0,
  };
}

function listSkipped(module: TestModule): readonly SkippedTests[] {
  const counts = new Map<string, number>();
  // A test that a filter by name left out is not skipped.
  for (const test of module.children.allTests('skipped')) {
    const named = findSkipped(test);
    if (named !== undefined) counts.set(named.fullName, (counts.get(named.fullName) ?? 0) + 1);
  }
  return [...counts].map(([name, tests]) => ({ file: module.relativeModuleId, name, tests }));
}

/** A name that says in parentheses at its end why it is skipped. */
const SAYS_WHY = /\(.+\)$/;

/** The outermost skipped suite or test whose name says why. Without one, the outermost of all: Vitest skips a suite of skipped tests. */
function findSkipped(test: TestCase): TestCase | TestSuite | undefined {
  const skipped: (TestCase | TestSuite)[] = [];
  for (let at: TestCase | TestSuite | TestModule = test; at.type !== 'module'; at = at.parent) {
    if (at.options.mode === 'skip' || at.options.mode === 'todo') skipped.unshift(at);
  }
  return skipped.find(({ name }) => SAYS_WHY.test(name)) ?? skipped[0];
}

/** Tests, and suites and files whose own code failed: a hook, an import. */
function listFailed(module: TestModule): readonly FailedTest[] {
  const file = module.relativeModuleId;
  const failed: FailedTest[] = [];
  const add = (name: string, errors: readonly NotedError[] | undefined): void => {
    if (errors !== undefined && errors.length > 0) failed.push({ file, name, error: shorten(errors) });
  };
  add('', module.errors());
  for (const suite of module.children.allSuites()) add(suite.fullName, suite.errors());
  for (const test of module.children.allTests('failed')) add(test.fullName, test.result().errors);
  return failed;
}

function shorten(errors: readonly NotedError[]): string {
  const lines = stripVTControlCharacters(errors[0]?.message ?? '').split('\n');
  return lines
    .map((line) => line.trim())
    .filter(Boolean)
    .join(' | ')
    .slice(0, MAX_ERROR_CHARS);
}

/** @throws the system's error where the file cannot be read. */
export function readTestNotes(file: string): TestNotes {
  if (!existsSync(file)) return { skipped: [], failed: [], files: [] };
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  const runs = lines.map((line) => JSON.parse(line) as TestNotes);
  return {
    skipped: runs.flatMap(({ skipped }) => skipped),
    failed: runs.flatMap(({ failed }) => failed),
    files: runs.flatMap(({ files }) => files),
  };
}

/** Empty where nothing was. */
export function formatSkipped(skipped: readonly SkippedTests[]): string {
  if (skipped.length === 0) return '';
  const total = skipped.reduce((sum, { tests }) => sum + tests, 0);
  const rows = skipped.map(
    ({ file, name, tests }) => `  ${name}${tests > 1 ? ` (${tests} tests)` : ''}\n      ${file}\n`,
  );
  return `\nskipped, ${total} ${total === 1 ? 'test' : 'tests'}:\n${rows.join('')}`;
}

/** Empty where nothing failed. */
export function formatFailed(failed: readonly FailedTest[]): string {
  if (failed.length === 0) return '';
  const shown = failed.slice(0, MAX_FAILURES_SHOWN);
  const rows = shown.map(({ file, name, error }) => `  ${file}${name === '' ? '' : ` > ${name}`}\n      ${error}\n`);
  const more = failed.length - shown.length;
  return `\nfailed, ${failed.length}:\n${rows.join('')}${more > 0 ? `  and ${more} more\n` : ''}`;
}
