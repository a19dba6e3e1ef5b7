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

it('holds each maximum fee until its order expires, and at most eight seconds longer', () => {
  add(2n ** 100n, 8_000);
  add(3n, 15_999);
  add(4n, 16_000);
  expect(sum(0)).toBe(2n ** 100n + 7n);
  expect(sum(15_999)).toBe(2n ** 100n + 7n);
  expect(sum(16_000)).toBe(4n);
  expect(sum(23_999)).toBe(4n);
  expect(sum(24_000)).toBe(0n);
});

it('keeps one row for orders that expire together', () => {
  for (let expiresAtMs = 8_000; expiresAtMs < 16_000; expiresAtMs += 100) add(1n, expiresAtMs);
  expect(store.prepare('SELECT count(*) AS n FROM holds').get()?.n).toBe(1);
  expect(sum(8_000)).toBe(80n);
});

it('counts each channel by itself', () => {
  add(3n, 1_000);
  add(4n, 1_000, { channel: 'bb' });
  expect([sum(0), sum(0, 'bb'), sum(0, 'cc')]).toEqual([3n, 4n, 0n]);
});

it('remembers them for an hour, for a clock that is set back', () => {
  add(3n, 1_000);
  add(4n, 3_700_000, { nowMs: 3_608_999 });
  expect(sum(500)).toBe(7n);
  // Old ones are looked for with the first order of each step.
  add(4n, 3_710_000, { nowMs: 3_609_000 });
  expect(sum(500)).toBe(8n);
});
