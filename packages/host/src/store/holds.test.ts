import { afterEach, beforeEach, expect, it } from 'vitest';
import { addHold, HOLD_TABLE, sumHolds } from './holds.ts';
import { openStore, type Store } from './store.ts';
import { doWork } from './work.ts';

let store: Store;
beforeEach(() => {
  store = openStore(':memory:', { schema: HOLD_TABLE });
});
afterEach(() => store.close());

const add = (maxFeeAtomic: bigint, expiresAtMs: number, { nowMs = 0, channel = 'aa' } = {}): void =>
  store.transact((db) => doWork(db, addHold({ channel, maxFeeAtomic, expiresAtMs }, nowMs)));
const sum = (nowMs: number, channel = 'aa'): bigint => store.read((db) => doWork(db, sumHolds(channel, nowMs)));

it('holds each maximum fee until its order expires, and at most a second longer', () => {
  add(2n ** 100n, 1_500);
  add(3n, 1_999);
  add(4n, 2_000);
  expect(sum(0)).toBe(2n ** 100n + 7n);
  expect(sum(1_999)).toBe(2n ** 100n + 7n);
  expect(sum(2_000)).toBe(4n);
  expect(sum(3_000)).toBe(0n);
});

it('counts each channel by itself', () => {
  add(3n, 1_000);
  add(4n, 1_000, { channel: 'bb' });
  expect([sum(0), sum(0, 'bb'), sum(0, 'cc')]).toEqual([3n, 4n, 0n]);
});

it('remembers them for an hour, for a clock that is set back', () => {
  add(3n, 1_000);
  add(4n, 3_700_000, { nowMs: 3_601_999 });
  expect(sum(500)).toBe(7n);
  // Old ones are looked for with the first order of each second.
  add(4n, 3_701_000, { nowMs: 3_604_000 });
  expect(sum(500)).toBe(8n);
});
