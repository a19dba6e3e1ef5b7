import type { Reporter, TestModule, TestSpecification } from 'vitest/node';
import type { LandingRecord } from './record.ts';

/** Seconds between two lines. */
const INTERVAL = 30;
/** Seconds that a file without a recorded time is expected to take. */
export const UNKNOWN_SECONDS = 3;

/**
 * A Vitest reporter that prints how many files are done, and the time that is left by the recorded times.
 * @public vitest.config.ts has it
 */
export function createProgressReporter(
  record: LandingRecord,
  print: (line: string) => void = console.log,
  now: () => number = () => performance.now() / 1000,
): Reporter {
  const expected = new Map<string, number>();
  const done = new Set<string>();
  let start = 0;
  let shown = 0;
  const sum = (names: Iterable<string>): number =>
    [...names].reduce((total, name) => total + (expected.get(name) ?? 0), 0);
  return {
    onTestRunStart(files: readonly TestSpecification[]) {
      for (const { testModule, moduleId } of files) {
        const name = testModule?.relativeModuleId ?? moduleId;
        expected.set(moduleId, record.get(name.replaceAll('\\', '/'))?.seconds ?? UNKNOWN_SECONDS);
      }
      start = now();
      shown = start;
    },
    onTestModuleEnd({ moduleId }: TestModule) {
      done.add(moduleId);
      if (now() - shown < INTERVAL) return;
      shown = now();
      const finished = sum(done);
      const left = sum(expected.keys()) - finished;
      const seconds = finished > 0 ? (left * (shown - start)) / finished : left;
      print(`progress: ${done.size} of ${expected.size} files, ${formatMinutes(seconds)} left of this part`);
    },
  };
}

export const formatMinutes = (seconds: number): string =>
  seconds < 90 ? `about ${Math.max(1, Math.round(seconds))} s` : `about ${Math.round(seconds / 60)} min`;
