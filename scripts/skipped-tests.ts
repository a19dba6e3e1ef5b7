import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import type { Reporter, TestCase, TestModule, TestSuite } from 'vitest/node';

/** Names the file in which test runs of one `npm test` note what they skipped. Without it each run says it at its own end. */
export const SKIPPED_FILE = 'OGONG_SKIPPED_FILE';

interface SkippedTests {
  readonly file: string;
  /** Of a suite that is skipped as a whole, its name alone. The name says why. */
  readonly name: string;
  readonly tests: number;
}

/**
 * A Vitest reporter: whoever reads the end of a log sees in one place what was not tried, and why.
 * @public vitest.config.ts has it
 */
export class SkippedTestsReporter implements Reporter {
  readonly #file: string | undefined;
  readonly #print: (text: string) => void;

  constructor(file: string | undefined, print: (text: string) => void) {
    this.#file = file;
    this.#print = print;
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    const skipped = modules.flatMap((module) => listSkipped(module));
    if (this.#file === undefined) this.#print(formatSkipped(skipped));
    else appendFileSync(this.#file, skipped.map((each) => `${JSON.stringify(each)}\n`).join(''));
  }
}

function listSkipped(module: TestModule): readonly SkippedTests[] {
  const counts = new Map<string, number>();
  // What a filter by name left out is not skipped.
  for (const test of module.children.allTests('skipped')) {
    const named = findSkipped(test);
    if (named !== undefined) counts.set(named.fullName, (counts.get(named.fullName) ?? 0) + 1);
  }
  return [...counts].map(([name, tests]) => ({ file: module.relativeModuleId, name, tests }));
}

/** The outermost suite that is skipped, or the test itself. */
function findSkipped(test: TestCase): TestCase | TestSuite | undefined {
  let found: TestCase | TestSuite | undefined;
  for (let at: TestCase | TestSuite | TestModule = test; at.type !== 'module'; at = at.parent) {
    if (at.options.mode === 'skip' || at.options.mode === 'todo') found = at;
  }
  return found;
}

/** @throws the system's error where the file cannot be read. */
export function readSkipped(file: string): readonly SkippedTests[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line) as SkippedTests);
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
