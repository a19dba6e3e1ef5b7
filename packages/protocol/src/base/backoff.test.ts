import { expect, it } from 'vitest';
import { computeBackoff } from './backoff.ts';

const limits = { firstMs: 500, longestMs: 60_000 };

it('doubles up to its limit, however often it failed', () => {
  const pauses = [0, 1, 2, 6, 7, 50, 5_000].map((failures) => computeBackoff(limits, { failures }));
  expect(pauses).toEqual([500, 1_000, 2_000, 32_000, 60_000, 60_000, 60_000]);
});

it('is shortened by chance to half of it at most', () => {
  expect(computeBackoff(limits, { failures: 3, random: 0 })).toBe(2_000);
  expect(computeBackoff(limits, { failures: 3, random: 0.5 })).toBe(3_000);
  expect(computeBackoff(limits, { failures: 3, random: 1 })).toBe(4_000);
});
