import { expect, it } from 'vitest';
import { absentQuarter } from './absent-quarter.ts';
import { hasStopped, type ThresholdOutcome } from './threshold-play.ts';

it('the beacon goes on without less than a quarter of the stake, and not without half', async () => {
  const few = await absentQuarter.play({ stakes: [10n, 11n, 12n, 13n, 14n] });
  expect(few.certified).toBeGreaterThanOrEqual(few.begun - 1n);
  expect(few.disputed).toBe(0);
  const half = await absentQuarter.play({ stakes: [50n, 11n, 12n, 13n, 14n] });
  expect(half.certified).toBeLessThanOrEqual(2n);
});

it('a key that is not made, or values that differ, count as success of a liar', () => {
  const good: ThresholdOutcome = { lies: 1, firstEpoch: 5n, latest: 20n, disputed: 0, struckBy: 0 };
  expect(hasStopped(good)).toBe(false);
  for (const bad of [{ firstEpoch: undefined }, { latest: 5n }, { disputed: 1 }]) {
    expect(hasStopped({ ...good, ...bad })).toBe(true);
  }
});
