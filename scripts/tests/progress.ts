import type { Reporter, TestModule, TestSpecification } from 'vitest/node';

/** Seconds between two lines. */
const INTERVAL = 15;

/**
 * A Vitest reporter that prints how many files are done, and the time that is left by the expected times.
 * @param expect returns the expected seconds of a file by its absolute path.
 * @public vitest.config.ts has it
 */
export function createProgressReporter(
  expect: (moduleId: string) => number,
  print: (line: string) => void = console.log,
  now: () => number = () => performance.now() / 1000,
): Reporter {
  const expected = new Map<string, number>();
  const done = new Set<string>();
  let failed = 0;
  let start = 0;
  let shown = 0;
  const sum = (names: Iterable<string>): number =>
    [...names].reduce((total, name) => total + (expected.get(name) ?? 0), 0);
  return {
    onTestRunStart(files: readonly TestSpecification[]) {
      for (const { moduleId } of files) expected.set(moduleId, expect(moduleId));
      start = now();
      shown = start;
    },
    onTestModuleEnd(module: TestModule) {
      done.add(module.moduleId);
      if (module.state() === 'failed') failed += 1;
      if (now() - shown < INTERVAL) return;
      shown = now();
      const finished = sum(done);
      const left = sum(expected.keys()) - finished;
      const seconds = finished > 0 ? (left * (shown - start)) / finished : left;
      const red = failed === 0 ? '' : `, ${failed} failed`;
      print(`progress: ${done.size} of ${expected.size} files${red}, ${formatMinutes(seconds)} left of this part`);
    },
  };
}

export const formatMinutes = (seconds: number): string =>
  seconds < 90 ? `about ${Math.max(1, Math.round(seconds))} s` : `about ${Math.round(seconds / 60)} min`;
