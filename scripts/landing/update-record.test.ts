import { expect, it } from 'vitest';
import type { GreenRun } from './record.ts';
import { updateRecord } from './update-record.ts';

const old: GreenRun = { hash: 'old', seconds: 9, passed: 9, skipped: 0, programs: [] };
const result = (name: string, isGreen: boolean) => ({ name, isGreen, seconds: 1, passed: 2, skipped: 0 });

it('a run records what was green, forgets what was red or is gone, and leaves what did not run', () => {
  const record = new Map(['green', 'red', 'edited', 'spared', 'gone'].map((name) => [name, old]));
  const units = ['green', 'red', 'edited', 'spared', 'added'].map((name) => ({ name, hash: `now ${name}` }));
  const hashesAfter = new Map(units.map(({ name, hash }) => [name, name === 'edited' ? 'later' : hash]));
  const results = ['green', 'red', 'edited', 'added'].map((name) => result(name, name !== 'red'));
  const next = updateRecord(record, { units, hashesAfter, results, programs: ['gcc'] });
  const recorded = (name: string) => ({ hash: `now ${name}`, seconds: 1, passed: 2, skipped: 0, programs: ['gcc'] });
  expect(next).toEqual(
    new Map([
      ['green', recorded('green')],
      ['spared', old],
      ['added', recorded('added')],
    ]),
  );
});

it('a file that git does not track is not recorded', () => {
  const units = [{ name: 'new', hash: '' }];
  const change = { units, hashesAfter: new Map([['new', '']]), results: [result('new', true)], programs: [] };
  expect(updateRecord(new Map(), change).size).toBe(0);
});
