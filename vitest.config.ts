import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { TEST_NOTES_FILE, TestNotesReporter } from './scripts/test-notes.ts';
import { TEST_FILES_FILE } from './scripts/tests/environment.ts';
import { createProgressReporter } from './scripts/tests/progress.ts';
import { projectOf } from './scripts/tests/projects.ts';
import { expectSeconds, readExpectedSeconds } from './scripts/tests/seconds.ts';

const expected = readExpectedSeconds(import.meta.dirname);
const nameOf = (moduleId: string): string => relative(import.meta.dirname, moduleId).replaceAll('\\', '/');
const secondsOf = (moduleId: string): number => {
  const name = nameOf(moduleId);
  return expectSeconds(expected, { name, part: projectOf(name) ?? '' });
};

/**
 * Draws the order of files. Those that have a process of their own begin with the slowest: a slow one that comes last leaves a core idle.
 */
class DrawnOrLongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const { seed } = this.ctx.config.sequence;
    const draw = (file: TestSpecification): string =>
      createHash('sha256')
        .update(`${seed} ${nameOf(file.moduleId)}`)
        .digest('hex');
    const weigh = (file: TestSpecification): number => (file.project.config.isolate ? secondsOf(file.moduleId) : 0);
    return files
      .map((file) => ({ file, weight: weigh(file), drawn: draw(file) }))
      .sort((a, b) => (a.weight === b.weight ? (a.drawn < b.drawn ? -1 : 1) : b.weight - a.weight))
      .map(({ file }) => file);
  }
}

/** `npm test` names the files that it runs. By hand, the command line of Vitest chooses among all files. */
const chosenFile = process.env[TEST_FILES_FILE];
const chosen =
  chosenFile === undefined ? undefined : (JSON.parse(readFileSync(chosenFile, 'utf8')) as readonly string[]);

/** Describes one project. The ending of a file decides its project: a plain `*.test.ts` belongs to the fast one. */
const suite = (
  name: string,
  ending: string,
  options: { testTimeout: number; exclude?: string[]; setupFiles?: string[]; isolate?: boolean },
) => ({
  extends: true as const,
  test: {
    name,
    include:
      chosen === undefined
        ? ['packages/*/src', 'apps/*/src', 'lab/src', 'scripts'].map((root) => `${root}/**/*${ending}`)
        : chosen.filter((path) => projectOf(path) === name),
    ...options,
    exclude: ['**/node_modules/**', ...(options.exclude ?? [])],
  },
});

const notes = new TestNotesReporter(process.env[TEST_NOTES_FILE], (text) => process.stdout.write(text));

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    hookTimeout: 180_000,
    globalSetup: 'scripts/own-store.setup.ts',
    // None hangs on those before it: the order of tests is drawn, from a seed that is printed, and that of fast files, too.
    sequence: {
      sequencer: DrawnOrLongestFirst,
      shuffle: { files: true, tests: true },
      seed: Number(process.env.OGONG_SEED ?? 1),
    },
    // A busy machine still reaches the awaited state; a second is not always enough.
    expect: { poll: { timeout: 60_000 } },
    reporters: [
      ...(chosen === undefined ? [process.env.CI ? 'default' : 'dot'] : ['minimal', createProgressReporter(secondsOf)]),
      notes,
    ],
    projects: [
      suite('fast', '.test.ts', {
        testTimeout: 180_000,
        exclude: ['process', 'simulation', 'model', 'e2e'].map((name) => `**/*.${name}.test.ts`),
        setupFiles: ['scripts/no-process.setup.ts', 'scripts/properties.setup.ts'],
        // All files of a worker share one graph of modules: to load it for each of them costs a fifth of the time. So a fast
        // test mocks no module and leaves no state behind.
        isolate: false,
      }),
      // Children, browsers, an embedded chain.
      suite('process', '.process.test.ts', { testTimeout: 180_000 }),
      // Many replies of a fake engine: attackers, verifiers' lives.
      suite('simulation', '.simulation.test.ts', { testTimeout: 180_000 }),
      // Real weights through llama.cpp.
      suite('model', '.model.test.ts', { testTimeout: 300_000 }),
      // Whole daemons and networks.
      suite('e2e', '.e2e.test.ts', { testTimeout: 300_000 }),
    ],
  },
});
