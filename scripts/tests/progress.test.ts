import { expect, it } from 'vitest';
import type { TestModule, TestSpecification } from 'vitest/node';
import { createProgressReporter, formatMinutes } from './progress.ts';

const module = (moduleId: string, state = 'passed') =>
  ({ moduleId, relativeModuleId: moduleId, state: () => state }) as TestModule;
const file = (moduleId: string) => ({ moduleId, testModule: module(moduleId) }) as TestSpecification;

it('prints the files that are done, and the time that is left by the expected times', () => {
  const lines: string[] = [];
  let seconds = 0;
  const reporter = createProgressReporter(
    (name) => (name === 'long' ? 300 : 30),
    (line) => lines.push(line),
    () => seconds,
  );
  reporter.onTestRunStart?.(['long', 'short', 'other'].map(file));
  seconds = 14;
  reporter.onTestModuleEnd?.(module('short'));
  seconds = 60;
  reporter.onTestModuleEnd?.(module('other'));
  seconds = 360;
  reporter.onTestModuleEnd?.(module('long', 'failed'));
  expect(lines).toEqual([
    // 60 of 360 expected seconds took 60 s.
    'progress: 2 of 3 files, about 5 min left of this part',
    'progress: 3 of 3 files, 1 failed, about 1 s left of this part',
  ]);
});

it('says short times in seconds', () => {
  expect([formatMinutes(0), formatMinutes(61), formatMinutes(200)]).toEqual(['about 1 s', 'about 61 s', 'about 3 min']);
});
