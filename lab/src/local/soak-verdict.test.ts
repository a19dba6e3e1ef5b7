import { expect, it } from 'vitest';
import { judgeSoak, type SoakRecord } from './soak-verdict.ts';

const GOOD: SoakRecord = {
  memoryMib: [80, 140, 150, 151, 149, 152, 150, 153, 151],
  ...{ turns: 900, problems: [], answered: 4, slots: 4 },
};

it('a soak in which nothing grew, broke or was lost is good, however it warmed up', () => {
  expect(judgeSoak(GOOD)).toEqual([]);
  expect(judgeSoak({ ...GOOD, memoryMib: [80, 900, 120, 400, 400, 400, 300, 250, 200] })).toEqual([]);
});

it.each([
  [{ memoryMib: [100, 110, 120, 130, 140, 150, 160, 170, 180] }, 'memory grew from 140 to 170 MiB'],
  [{ answered: 3 }, '1 of 4 slots are lost'],
  [{ problems: ['whole: status 500'] }, '1 of 900 turns went wrong, the first: whole: status 500'],
  [{ turns: 0 }, 'nothing was asked'],
  [{ memoryMib: [100] }, 'fewer than three samples'],
])('%j is not', (change, reason) => {
  expect(judgeSoak({ ...GOOD, ...change }).join()).toContain(reason);
});
