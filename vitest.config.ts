import { defineConfig } from 'vitest/config';

// Suites are split by file name: *.test.ts (fast, no model), *.model.test.ts (real weights), *.e2e.test.ts (processes).
export default defineConfig({
  test: {
    include: ['packages/*/src/**/*.test.ts', 'lab/src/**/*.test.ts', 'scripts/**/*.test.ts'],
    exclude: ['**/node_modules/**'],
    testTimeout: 30_000,
    hookTimeout: 120_000,
    pool: 'forks',
    maxWorkers: 2,
    reporters: process.env.CI ? ['default'] : ['dot'],
  },
});
