import { expect, it } from 'vitest';
import { createHandshakeRate } from './handshake-rate.ts';

const limits = {
  groupHandshakeRate: { perSecond: 2, burst: 4 },
  slowedHandshakeRate: { perSecond: 0.5, burst: 1 },
  handshakeRate: { perSecond: 1, burst: 6 },
};

function open() {
  let nowMs = 0;
  const rate = createHandshakeRate(limits, { nowMs: () => nowMs });
  const count = (group: string): number => Array.from({ length: 40 }, () => rate.take(group)).filter(Boolean).length;
  return { rate, count, advance: (ms: number) => (nowMs += ms) };
}

it('gives each address its rate, and all of them one together', () => {
  const { count, advance } = open();
  expect([count('a'), count('b'), count('c')]).toEqual([4, 2, 0]);
  advance(2_000);
  expect([count('a'), count('b')]).toEqual([2, 0]);
});

it('keeps room for addresses from which a known peer came, for an hour, at their own rate', () => {
  const { rate, count, advance } = open();
  rate.remember('known');
  for (const group of ['a', 'b', 'c']) count(group);
  expect(count('known')).toBe(4);
  expect(count('known')).toBe(0);
  advance(3_599_999);
  expect([count('a'), count('b')]).toEqual([4, 2]);
  expect(count('known')).toBe(4);
  advance(1);
  expect(count('known')).toBe(0);
  rate.remember('known');
  advance(2_000);
  expect([count('a'), count('b'), count('known')]).toEqual([2, 0, 4]);
});

it('slows an address down for a minute from which a stranger lost its links, and no known one', () => {
  const { rate, count, advance } = open();
  rate.slow('a');
  expect([count('a'), count('b')]).toEqual([1, 4]);
  advance(4_000);
  expect(count('a')).toBe(1);
  rate.remember('a');
  advance(2_000);
  expect(count('a')).toBe(4);
  rate.slow('b');
  advance(60_000);
  expect(count('b')).toBe(4);
});
