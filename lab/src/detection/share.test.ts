import { createSeededRandom } from '@ogong/protocol/seeded-random';
import { describe, expect, it } from 'vitest';
import { computeAuc, shareOf, toShare } from './share.ts';

describe('computeAuc', () => {
  it('counts the pairs in which the cheat is above, ties half', () => {
    const random = createSeededRandom(3);
    const sample = (shift: number) => Array.from({ length: 40 }, () => Math.floor(10 * random()) + shift);
    const [honest, cheats] = [sample(0), sample(3)];
    let pairs = 0;
    for (const a of honest) for (const b of cheats) pairs += b > a ? 1 : b === a ? 0.5 : 0;
    const { value, low, high } = computeAuc(honest, cheats, 1);
    expect(value).toBeCloseTo(pairs / 1600, 12);
    expect(low).toBeLessThan(value);
    expect(high).toBeGreaterThan(value);
  });

  it('keeps its doubt where a small sample separates perfectly', () => {
    expect(computeAuc([1, 2, 3], [4, 5, 6], 1)).toMatchObject({ value: 1, high: 1, low: 0 });
    const many = Array.from({ length: 3000 }, (_, i) => i);
    expect(
      computeAuc(
        many,
        many.map((x) => x + 3000),
        1,
      ).low,
    ).toBeCloseTo(0.999, 6);
  });

  it('is the same for the same seed', () => {
    const a = [1, 5, 2, 8];
    const b = [3, 9, 4, 1];
    expect(computeAuc(a, b, 7)).toEqual(computeAuc(a, b, 7));
  });
});

describe('a share', () => {
  it('of nothing is nothing, with all doubt', () => {
    expect(shareOf([], () => true)).toEqual({ value: 0, low: 0, high: 1, of: 0 });
  });

  it('has an interval around it', () => {
    const { value, low, high, of } = toShare(9, 10);
    expect([value, of]).toEqual([0.9, 10]);
    expect(low).toBeGreaterThan(0.5);
    expect(high).toBeLessThan(1);
  });
});
