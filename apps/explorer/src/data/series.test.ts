import { expect, it } from 'vitest';
import { chooseTicks, computeMedian, formatStep, groupByTime } from './series.ts';

const at = (times: readonly number[]) => groupByTime(times, (time) => time);
const HOUR = 3_600_000;

it('groups times in spans of a round length, with empty spans between', () => {
  const { stepMs, buckets } = at([10 * HOUR, 10 * HOUR + 60_000, 13 * HOUR]);
  expect(stepMs).toBe(900_000);
  expect(buckets).toHaveLength(13);
  expect(buckets[0]).toEqual({ fromMs: 10 * HOUR, items: [10 * HOUR, 10 * HOUR + 60_000] });
  expect(buckets.slice(1, -1).every(({ items }) => items.length === 0)).toBe(true);
  expect(buckets.at(-1)).toEqual({ fromMs: 13 * HOUR, items: [13 * HOUR] });
});

it.each([0, 1, 59_999, HOUR, 24 * HOUR, 400 * HOUR, 20_000 * HOUR, 3_000_000 * HOUR])(
  'has at most 24 spans, and every item once, of %d ms',
  (spanMs) => {
    const times = [1_000_000_000_000, 1_000_000_000_000 + spanMs / 2, 1_000_000_000_000 + spanMs];
    const { buckets, stepMs } = at(times);
    expect(buckets.length).toBeLessThanOrEqual(24);
    expect(buckets.flatMap(({ items }) => items)).toEqual(times);
    expect(formatStep(stepMs)).toMatch(/^(\d+ (min|h|days)|day)$/);
  },
);

it('has no span without items, and no median', () => {
  expect(at([]).buckets).toEqual([]);
  expect(computeMedian([])).toBeUndefined();
  expect([computeMedian([3]), computeMedian([5, 1]), computeMedian([9, 1, 2])]).toEqual([3, 3, 2]);
});

it('labels an axis with two or three round numbers, the last one at or above the largest value', () => {
  expect([1, 2, 3, 8, 11, 351, 1000].map(chooseTicks)).toEqual([
    ...[
      [0, 1],
      [0, 1, 2],
      [0, 2, 4],
      [0, 4, 8],
      [0, 6, 12],
      [0, 200, 400],
      [0, 500, 1000],
    ],
  ]);
  for (let most = 1; most < 5_000; most += 7) {
    const top = chooseTicks(most).at(-1) as number;
    expect(top).toBeGreaterThanOrEqual(most);
    expect(top).toBeLessThanOrEqual(2 * most);
  }
});
