import { expect, it } from 'vitest';
import { type CheckedComplaint, createOpeningGrants } from './opening-grants.ts';

const fill = (byte: number, length = 32): Uint8Array => new Uint8Array(length).fill(byte);
const complainAbout = (order: number, payer = order): CheckedComplaint => ({
  ...{ payer: fill(payer, 20), openingHash: fill(order), signature: fill(3, 65) },
  order: { order: fill(order), signature: fill(2, 65) },
  reason: 'draw-replay',
  record: undefined,
});

function open() {
  let nowMs = 0;
  const grants = createOpeningGrants({ nowMs: () => nowMs });
  const give = (peer: number, order: number, payer?: number) => grants.give(fill(peer), complainAbout(order, payer));
  const take = (peer: number, order: number) => grants.take(fill(peer), fill(order));
  return { grants, give, take, advance: (ms: number) => (nowMs += ms) };
}

it('gives a peer one place, for one order, to be used once', () => {
  const { grants, give, take } = open();
  expect(grants.has(fill(1))).toBe(false);
  expect([give(1, 1), give(1, 2), grants.has(fill(1))]).toEqual([true, false, true]);
  expect([take(1, 2), take(2, 1)]).toEqual([undefined, undefined]);
  expect(take(1, 1)).toEqual(complainAbout(1));
  expect([take(1, 1), grants.has(fill(1))]).toEqual([undefined, false]);
});

it('gives a payer one place at a time, whatever peers it comes from', () => {
  const { give, take } = open();
  expect([give(1, 1, 9), give(2, 2, 9), give(3, 3, 8)]).toEqual([true, false, true]);
  take(1, 1);
  expect(give(2, 2, 9)).toBe(true);
});

it('gives four grants at a time, and one for each order, to any caller', () => {
  const { give, take, advance } = open();
  expect([1, 2, 3, 4, 5].map((peer) => give(peer, peer))).toEqual([true, true, true, true, false]);
  take(1, 1);
  expect([give(5, 1), give(5, 5)]).toEqual([false, true]);
  // A place that is not used is lost after a while, and the order gets no other one.
  advance(30_000);
  expect(take(2, 2)).toBeUndefined();
  expect([give(6, 2), give(6, 6)]).toEqual([false, true]);
});
