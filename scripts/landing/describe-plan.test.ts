import { expect, it } from 'vitest';
import { describePlan } from './describe-plan.ts';

const unit = (name: string, part: string, reason: string | undefined, inputs: readonly string[] = []) => ({
  ...{ name, part, reason, inputs, hash: 'x', recorded: undefined },
});

it('names the part, each unit that runs, the reason, and up to three changed inputs', () => {
  const units = [
    unit('a.test.ts', 'fast', 'an input changed', ['code:a.ts', 'code:b.ts', 'a.json']),
    unit('b.test.ts', 'fast', undefined),
    unit(':contracts', 'contracts', 'no green run is recorded'),
  ];
  expect(describePlan(units, new Set(['b.ts', 'a.json', 'c.ts'])).split('\n')).toEqual([
    'fast: 1 of 2 run',
    '  a.test.ts: an input changed: b.ts, a.json',
    'contracts: 1 of 1 run',
    '  :contracts: no green run is recorded',
  ]);
});
