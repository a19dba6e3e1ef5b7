import { expect, it } from 'vitest';
import { findLosses, playDays } from './play-days.ts';

it('a day of refusals, junk, slow jobs and failing orders costs honest keys nothing', async () => {
  const outcome = await playDays(1);
  expect(findLosses(outcome)).toEqual([]);
  expect(outcome.orders).toEqual({ usual: 4, junk: 8, slow: 4, failing: 4, busy: 4 });
  expect(outcome.refusals).toBeGreaterThan(20);
});
