import { expect, it } from 'vitest';
import { EXPECTED_ANSWERS } from './expected-answers.ts';
import { listReportedCases, missingReportedCases, whySkipped } from './reported-case.ts';

it.skipIf(missingReportedCases !== undefined)(`every reported case has a right answer${whySkipped}`, () => {
  expect(Object.keys(EXPECTED_ANSWERS).sort()).toEqual([...listReportedCases()].sort());
});
