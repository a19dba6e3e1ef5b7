import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { describe, expect, it } from 'vitest';
import { computeAuc, shareOf, toShare } from './share.ts';

describe('computeAuc', () => {
  it('counts the pairs in which the cheat is above; ties count half', () => {
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

  it('keeps a wide interval if a small sample separates perfectly', () => {
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
  it('without trials is 0 with the widest interval', () => {
    expect(shareOf([], () => true)).toEqual({ value: 0, low: 0, high: 1, of: 0 });
  });

  it('has an interval around it', () => {
    const { value, low, high, of } = toShare(9, 10);
    expect([value, of]).toEqual([0.9, 10]);
    expect(low).toBeGreaterThan(0.5);
    expect(high).toBeLessThan(1);
  });
});

describe('coverage of the interval of computeAuc', () => {
  const RATE = 0.95;
  const drawMany = (random: () => number, count: number, scale: number): number[] =>
    Array.from({ length: count }, () => -scale * Math.log(1 - random()));

  /** Exponential values whose scales differ by `odds`: a cheat's is above an honest one's with odds / (1 + odds). */
  function simulate({ odds, size, trials }: { odds: number; size: number; trials: number }) {
    const random = createSeededRandom(1979);
    const truth = odds / (1 + odds);
    return Array.from({ length: trials }, (_, seed) => ({
      truth,
      ...computeAuc(drawMany(random, size, 1), drawMany(random, size, odds), seed),
    }));
  }
  type Trial = ReturnType<typeof simulate>[0];
  const shareThat = (trials: readonly Trial[], holds: (trial: Trial) => boolean): number =>
    trials.filter(holds).length / trials.length;
  const isCovered = ({ truth, low, high }: Trial): boolean => low <= truth && truth <= high;
  const halve = (trial: Trial): Trial => ({
    ...trial,
    low: (trial.low + trial.value) / 2,
    high: (trial.high + trial.value) / 2,
  });

  it('is near 95 %, and lower for half the interval', () => {
    const trials = simulate({ odds: 3, size: 30, trials: 150 });
    // Three standard errors of a share of 150, and 0.02 that percentiles of resamples of 30 values fall short by.
    const error = 3 * Math.sqrt((RATE * (1 - RATE)) / trials.length) + 0.02;
    const holds = (of: readonly Trial[]): boolean => Math.abs(shareThat(of, isCovered) - RATE) < error;
    expect(holds(trials)).toBe(true);
    expect(holds(trials.map(halve))).toBe(false);
  });

  it('is not lower if few pairs are lost', () => {
    const trials = simulate({ odds: 49, size: 30, trials: 150 });
    // Resampling alone covers 84 % over 4000 trials, because resamples of few lost pairs contain no others.
    const floor = RATE - 3 * Math.sqrt((RATE * (1 - RATE)) / trials.length);
    expect(shareThat(trials, isCovered)).toBeGreaterThan(floor);
    expect(shareThat(trials.map(halve), isCovered)).toBeLessThan(floor);
  });

  it('is 95 % if no pair is lost: a separated sample of n does not exclude a share of 3 / n', () => {
    // Some cheats are below every honest reply. For a given share of lost pairs no law separates samples more often, since
    // `size` disjoint pairs are lost independently.
    const size = 40;
    const draws = 5000;
    const countFooled = (lost: number, limit: (honest: number[], cheats: number[]) => number): number => {
      const random = createSeededRandom(3);
      const honest = Array.from({ length: size }, random);
      let fooled = 0;
      for (let i = 0; i < draws; i++) {
        const cheats = Array.from({ length: size }, () => (random() < lost ? -1 : 2));
        // Samples that are not separated are resampled, which is slow and not tested here.
        if (!cheats.includes(-1) && limit(honest, cheats) > 1 - lost) fooled++;
      }
      return fooled / draws;
    };
    // Three standard errors of 5 % over 5000 samples: 0.009.
    const most = 0.05 + 3 * Math.sqrt((0.05 * 0.95) / draws);
    const ours = (honest: number[], cheats: number[]): number => computeAuc(honest, cheats, 1).low;
    for (const pairs of [0.5, 1, 2, 3.01, 4]) expect(countFooled(pairs / size, ours)).toBeLessThan(most);
    // The interval is not too wide: a truth just outside is missed about as often as allowed.
    expect(countFooled(3.01 / size, ours)).toBeGreaterThan(0.03);
    expect(countFooled(1.01 / size, () => 1 - 1 / size)).toBeGreaterThan(most);
    expect(countFooled(2.01 / size, () => 1 - 2 / size)).toBeGreaterThan(most);
    expect(computeAuc([4, 5, 6, 7], [0, 1, 2, 3], 1).high).toBeCloseTo(
      1 - computeAuc([0, 1, 2, 3], [4, 5, 6, 7], 1).low,
      12,
    );
  });
});
