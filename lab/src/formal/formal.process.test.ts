import { beforeAll, describe, expect, it } from 'vitest';
import { CHECKS } from './checks.ts';
import { findToolProblem, runCheck } from './run-check.ts';

const LONG = process.env.OGONG_LONG === '1';
const problems = new Map<string, string | undefined>();

beforeAll(() => {
  for (const tool of ['quint', 'spin'] as const) problems.set(tool, findToolProblem(tool));
}, 300_000);

describe('models of the protocol', () => {
  it.for(CHECKS.filter(({ nightly }) => LONG || nightly === undefined))(
    '$name: $expect',
    { timeout: 3_600_000 },
    (check, { skip }) => {
      const problem = problems.get(check.tool);
      if (problem !== undefined) skip(problem);
      const { outcome, detail } = runCheck(check, { deep: LONG });
      expect(outcome, detail).toBe(check.expect);
    },
  );

  it('calls a model that lacks what it should reach failed', { timeout: 300_000 }, ({ skip }) => {
    const problem = problems.get('quint');
    if (problem !== undefined) skip(problem);
    const check = CHECKS.find(({ name }) => name === 'tickets');
    if (check?.tool !== 'quint') throw new Error('no such check');
    const { outcome, detail } = runCheck({ ...check, samples: 1, steps: 1 }, { deep: false });
    expect([outcome, detail]).toEqual(['failed', 'never reached: somethingSealed, somethingKnown']);
  });
});
