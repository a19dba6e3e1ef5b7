import { expect, it } from 'vitest';
import { createRateLimiter } from './token-bucket.ts';

it('gives a burst, then the rate, to each peer on its own', () => {
  let nowMs = 0;
  const limiter = createRateLimiter({ perSecond: 10, burst: 3 }, { nowMs: () => nowMs });
  const take = (peer: string, times: number) => Array.from({ length: times }, () => limiter.take(peer));
  expect(take('a', 4)).toEqual([true, true, true, false]);
  expect(take('b', 1)).toEqual([true]);
  nowMs = 100;
  expect(take('a', 2)).toEqual([true, false]);
  nowMs = 60_000;
  expect(take('a', 4)).toEqual([true, true, true, false]);
});
