import { describe, expect, it } from 'vitest';
import { createSeededRandom, pick } from './seeded-random.ts';

const take = (seed: number, count: number): number[] => {
  const random = createSeededRandom(seed);
  return Array.from({ length: count }, () => random());
};

describe('seeded random numbers', () => {
  // These values come from the copies that this function replaced. Stored samples and vectors were made with those.
  it.each([
    [0, [1144304738, 1416247, 958946056, 627933444]],
    [1, [2693262067, 11749833, 2265367787, 4213581821]],
    [2024, [3486492848, 3052955074, 2793987405, 2943453892]],
    [10_000_001, [2725621584, 2033172604, 3762538448, 3328065690]],
    [2 ** 32 - 1, [3850105811, 813802916, 3073704848, 4054706436]],
  ])('begin with the same values for seed %i', (seed, first) => {
    expect(take(seed, 4).map((value) => value * 2 ** 32)).toEqual(first);
  });

  it('continue with the same values', () => {
    expect((take(0, 1_000_000).at(-1) as number) * 2 ** 32).toBe(3365705045);
    expect((take(2024, 1_000_000).at(-1) as number) * 2 ** 32).toBe(2924485571);
  });

  it('take a seed modulo 2^32', () => {
    expect(take(-1, 4)).toEqual(take(2 ** 32 - 1, 4));
    expect(take(2 ** 33 + 5, 4)).toEqual(take(5, 4));
    expect(take(1.5, 4)).toEqual(take(1, 4));
  });

  it('fill the interval evenly', () => {
    const values = take(7, 100_000);
    expect(Math.min(...values.slice(0, 1000))).toBeGreaterThanOrEqual(0);
    expect(values.every((value) => value >= 0 && value < 1)).toBe(true);
    const bins = new Array<number>(10).fill(0);
    for (const value of values) bins[Math.floor(10 * value)] = (bins[Math.floor(10 * value)] as number) + 1;
    // Four standard deviations of a binomial with p = 1/10, so a biased stream fails.
    for (const count of bins) expect(Math.abs(count - 10_000)).toBeLessThan(4 * Math.sqrt(100_000 * 0.09));
  });

  it('pick each value, the first and the last included', () => {
    const values = ['a', 'b', 'c'];
    expect(pick(() => 0, values)).toBe('a');
    expect(pick(() => 1 - 2 ** -32, values)).toBe('c');
    const random = createSeededRandom(3);
    expect(new Set(Array.from({ length: 50 }, () => pick(random, values)))).toEqual(new Set(values));
  });
});
