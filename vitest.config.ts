import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { relative } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { TEST_NOTES_FILE, TestNotesReporter } from './scripts/test-notes.ts';

/** They take half a minute and more, whatever their size. */
const LONGEST: readonly string[] = [
  'lab/src/formal/formal.process.test.ts',
  'packages/gateway/src/python-client.process.test.ts',
  'packages/validator/src/validator.process.test.ts',
  'packages/gateway/src/two-gateways.process.test.ts',
  'lab/src/demo/attacks/scenes.simulation.test.ts',
  'lab/src/doors/floods.simulation.test.ts',
  'lab/src/bad-days/stopped.e2e.test.ts',
  'lab/src/bad-days/kill.e2e.test.ts',
  'lab/src/demo/attacks/live/live.e2e.test.ts',
];

/**
 * Draws the order of files that share a graph of modules. Each other file has a process of its own: the longest come first, and
 * then the largest. A long one that comes last would leave a core idle.
 */
class DrawnOrLongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const { seed } = this.ctx.config.sequence;
    const draw = ({ moduleId }: TestSpecification): string =>
      createHash('sha256')
        .update(`${seed} ${relative(this.ctx.config.root, moduleId)}`)
        .digest('hex');
    const size = ({ project, moduleId }: TestSpecification): number => {
      if (!project.config.isolate) return 0;
      const isLong = LONGEST.includes(relative(this.ctx.config.root, moduleId).replaceAll('\\', '/'));
      return isLong ? Number.POSITIVE_INFINITY : statSync(moduleId).size;
    };
    return files
      .map((file) => ({ file, size: size(file), drawn: draw(file) }))
      .sort((a, b) => (a.size === b.size ? (a.drawn < b.drawn ? -1 : 1) : b.size - a.size))
      .map(({ file }) => file);
  }
}

/** Files belong to a project by their ending, since `*.test.ts` alone is the fast one's. */
const suite = (
  name: string,
  ending: string,
  options: { testTimeout: number; exclude?: string[]; setupFiles?: string[]; isolate?: boolean },
) => ({
  extends: true as const,
  test: {
    name,
    include: ['packages/*/src', 'apps/*/src', 'lab/src', 'scripts'].map((root) => `${root}/**/*${ending}`),
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
    reporters: [process.env.CI ? 'default' : 'dot', notes],
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
