import { drawNormal } from '@ogong/testing/synthetic/synthetic-evidence';
import { describe, expect, it } from 'vitest';
import { createSeededRandom } from '../base/seeded-random.ts';
import { computeTailSurvival, computeTailSurvivalLimit, fitTail } from './tail-fit.ts';

const pareto =
  (shape: number) =>
  (p: number): number =>
    (p ** -shape - 1) / shape;
const LAWS: readonly [name: string, quantile: (p: number) => number][] = [
  ['exponential', (p) => -Math.log(p)],
  ['heavy', pareto(0.25)],
  ['bounded', pareto(-0.25)],
];

describe('tail fit', () => {
  it('finds shape and scale of a generalised Pareto law', () => {
    const random = createSeededRandom(87);
    const quantile = pareto(0.2);
    const { shape, scale, share } = fitTail(Array.from({ length: 200_000 }, () => quantile(1 - random())));
    expect(share).toBeCloseTo(0.25, 6);
    expect(shape).toBeCloseTo(0.2, 1);
    // Beyond its upper quartile the law has the scale 1 + 0.2 * threshold.
    expect(scale / (1 + 0.2 * quantile(0.25))).toBeCloseTo(1, 1);
  });

  it.each(LAWS)('bounds a probability ten and a hundred times beyond the sample: %s', (_, quantile) => {
    const random = createSeededRandom(88);
    const trials = 200;
    for (const [count, p] of [
      [200, 1e-3],
      [600, 1e-3],
      [600, 1e-4],
      [2000, 1e-4],
    ] as const) {
      let covered = 0;
      for (let i = 0; i < trials; i++) {
        const fit = fitTail(Array.from({ length: count }, () => quantile(1 - random())));
        if (computeTailSurvivalLimit(fit, quantile(p), 2.326) >= p) covered++;
      }
      expect(covered / trials, `${p} of ${count}`).toBeGreaterThan(0.93);
    }
  });

  it('bounds an unbounded tail more closely with a quarter of the sample than with a tenth, with the stated coverage', () => {
    const measure = (share: number, quantile: (p: number) => number): { covered: number; limit: number } => {
      const random = createSeededRandom(91);
      const limits = Array.from({ length: 200 }, () => {
        const fit = fitTail(
          Array.from({ length: 1000 }, () => quantile(1 - random())),
          share,
        );
        return computeTailSurvivalLimit(fit, quantile(1e-4), 2.326);
      }).sort((a, b) => a - b);
      return { covered: limits.filter((limit) => limit >= 1e-4).length, limit: limits[100] as number };
    };
    for (const [name, quantile] of LAWS) {
      const [tenth, quarter] = [measure(0.1, quantile), measure(0.25, quantile)];
      expect(Math.min(tenth.covered, quarter.covered) / 200, name).toBeGreaterThan(0.93);
      // The fit treats a bounded tail as unbounded, and more so with more of the sample.
      if (name !== 'bounded') expect(quarter.limit, name).toBeLessThan(tenth.limit);
    }
  });

  it('bounds it for a normal distribution, with a tail lighter than the model', () => {
    const random = createSeededRandom(89);
    let covered = 0;
    for (let i = 0; i < 200; i++) {
      const fit = fitTail(Array.from({ length: 600 }, () => drawNormal(random)));
      if (computeTailSurvivalLimit(fit, 3.719, 2.326) >= 1e-4) covered++;
    }
    expect(covered).toBeGreaterThan(190);
  });

  it('falls with the value, from the share at the threshold, and lies below its limit', () => {
    const random = createSeededRandom(90);
    const fit = fitTail(Array.from({ length: 1000 }, () => -Math.log(1 - random())));
    expect(computeTailSurvival(fit, fit.threshold)).toBeCloseTo(0.25, 12);
    expect(computeTailSurvival(fit, -5)).toBeCloseTo(0.25, 12);
    let before = 1;
    for (let x = fit.threshold; x < 30; x += 0.5) {
      const survival = computeTailSurvival(fit, x);
      expect(survival).toBeLessThan(before);
      expect(computeTailSurvivalLimit(fit, x, 2.326)).toBeGreaterThan(survival);
      before = survival;
    }
  });

  it('refuses too few values, equal ones and NaN', () => {
    expect(() => fitTail(Array.from({ length: 190 }, (_, i) => i))).toThrow(/10 more/);
    expect(() => fitTail(Array.from({ length: 600 }, () => 1))).toThrow(/equal/);
    expect(() => fitTail([Number.NaN])).toThrow(RangeError);
    expect(() => fitTail([1], 0)).toThrow(RangeError);
  });
});
