import { expect, it } from 'vitest';
import type { TestModule, TestSpecification } from 'vitest/node';
import { createProgressReporter, formatMinutes } from './progress.ts';

const green = (seconds: number) => ({ hash: 'x', seconds, passed: 1, skipped: 0, programs: [] });
const module = (moduleId: string) => ({ moduleId, relativeModuleId: moduleId }) as TestModule;
const file = (moduleId: string) => ({ moduleId, testModule: module(moduleId) }) as TestSpecification;

it('prints the files that are done, and the time that is left by the recorded times', () => {
  const lines: string[] = [];
  let seconds = 0;
  const record = new Map([
    ['long', green(300)],
    ['short', green(30)],
    ['other', green(30)],
  ]);
  const reporter = createProgressReporter(
    record,
    (line) => lines.push(line),
    () => seconds,
  );
  reporter.onTestRunStart?.(['long', 'short', 'other'].map(file));
  seconds = 10;
  reporter.onTestModuleEnd?.(module('short'));
  seconds = 60;
  reporter.onTestModuleEnd?.(module('other'));
  // 60 of 360 recorded seconds took 60 s.
  expect(lines).toEqual(['progress: 2 of 3 files, about 5 min left of this part']);
});

it('says short times in seconds', () => {
  expect([formatMinutes(0), formatMinutes(61), formatMinutes(200)]).toEqual(['about 1 s', 'about 61 s', 'about 3 min']);
});
