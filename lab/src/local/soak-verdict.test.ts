import { expect, it } from 'vitest';
import type { MemorySample } from '../bench/network/memory-verdict.ts';
import { judgeSoak, type SoakRecord } from './soak-verdict.ts';

const sample = (liveMib: number, residentMib: number): MemorySample => ({ liveMib, residentMib });
/** @param live live MiB by the number of the sample. */
const record = (live: (i: number) => number, resident: (i: number) => number): readonly MemorySample[] =>
  Array.from({ length: 60 }, (_, i) => sample(live(i), resident(i)));
const steady = (i: number): number => 60 + Math.min(i, 25) + (i % 2);
const stepped = (i: number): number => 320 + (i > 40 ? 18 : 0);

const GOOD: SoakRecord = {
  memory: record(steady, stepped),
  ...{ turns: 900, problems: [], answered: 4, slots: 4 },
};

it('a soak in which nothing leaked, broke or was lost is good, however it warmed up', () => {
  expect(judgeSoak(GOOD)).toEqual([]);
  const spikes = record(
    (i) => (i % 9 === 0 ? 200 : 60),
    (i) => (i % 9 === 0 ? 900 : 300),
  );
  expect(judgeSoak({ ...GOOD, memory: spikes })).toEqual([]);
});

it.each([
  [{ memory: record((i) => 60 + i / 4, stepped) }, 'what JavaScript holds grew by 7.5 MiB in the second half'],
  [{ memory: record(steady, (i) => 300 + 2 * i) }, 'resident memory grew by 60.0 MiB in the second half'],
  [{ answered: 3 }, '1 of 4 slots are lost'],
  [{ problems: ['whole: status 500'] }, '1 of 900 turns went wrong, the first: whole: status 500'],
  [{ turns: 0 }, 'nothing was asked'],
  [{ memory: [sample(100, 300)] }, 'fewer than 8 samples'],
])('%# is not', (change, reason) => {
  expect(judgeSoak({ ...GOOD, ...change }).join()).toContain(reason);
});
