import { defineConfig } from 'vitest/config';

// Suites are split by file name: *.test.ts (fast, no model), *.model.test.ts (real weights), *.e2e.test.ts (processes).
const suite = (name: string, include: string[], exclude: string[], testTimeout: number) => ({
  extends: true as const,
  test: { name, include, exclude: ['**/node_modules/**', ...exclude], testTimeout },
});

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    hookTimeout: 180_000,
    // None hangs on those before it: the order of a file's tests is drawn, from a seed that is printed.
    sequence: { shuffle: { tests: true }, seed: Number(process.env.OGONG_SEED ?? 1) },
    // What is waited for comes, however busy the machine is; a second is not enough for all of it.
    expect: { poll: { timeout: 30_000 } },
    reporters: process.env.CI ? ['default'] : ['dot'],
    projects: [
      suite(
        'fast',
        ['packages/*/src/**/*.test.ts', 'lab/src/**/*.test.ts', 'scripts/**/*.test.ts'],
        ['**/*.model.test.ts', '**/*.e2e.test.ts'],
        60_000,
      ),
      suite('model', ['packages/*/src/**/*.model.test.ts', 'lab/src/**/*.model.test.ts'], [], 300_000),
      suite('e2e', ['packages/*/src/**/*.e2e.test.ts', 'lab/src/**/*.e2e.test.ts'], [], 300_000),
    ],
  },
});
