import { expect, it } from 'vitest';
import { planUnits } from './plan.ts';
import type { GreenRun } from './record.ts';

const green = (hash: string, more: Partial<GreenRun> = {}): GreenRun => ({
  ...{ hash, seconds: 1, passed: 1, skipped: 0, programs: [] },
  ...more,
});
const units = ['a', 'b', 'c', 'd', 'e', 'own'].map((name) => ({ name, hash: `hash of ${name}` }));
const record = new Map([
  ['a', green('hash of a')],
  ['b', green('another hash')],
  ['d', green('hash of d', { skipped: 1, programs: ['gcc'] })],
  ['e', green('hash of e', { skipped: 1, programs: ['gcc', 'spin', 'more'] })],
  ['own', green('hash of own')],
]);
const reasons = (more: object = {}) =>
  Object.fromEntries(
    planUnits(units, {
      ...{ record, ignoresRecord: false, programs: ['gcc', 'spin'], runsAlways: (name) => name === 'own', ...more },
    }).map(({ name, reason }) => [name, reason]),
  );

it('a unit is left out only if it has the inputs of a green run', () => {
  expect(reasons()).toEqual({
    a: undefined,
    b: 'an input changed',
    c: 'no green run is recorded',
    d: 'the recorded run lacked spin',
    e: undefined,
    own: 'always runs',
  });
});

it('without a record, and where all is asked for, everything runs', () => {
  expect(Object.values(reasons({ record: new Map() })).filter((reason) => reason === undefined)).toEqual([]);
  expect(new Set(Object.values(reasons({ ignoresRecord: true })))).toEqual(new Set(['asked to run all']));
});
