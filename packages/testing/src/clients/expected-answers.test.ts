import { expect, it } from 'vitest';
import { EXPECTED_ANSWERS, OPEN_CASES } from './expected-answers.ts';
import { listReportedCases, missingReportedCases, whySkipped } from './reported-case.ts';

it.skipIf(missingReportedCases !== undefined)(`every reported case has a right answer${whySkipped}`, () => {
  expect([...Object.keys(EXPECTED_ANSWERS), ...OPEN_CASES].sort()).toEqual([...listReportedCases()].sort());
});
