import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSeededRandom } from '../base/seeded-random.ts';
import {
  computeAlignedDistances,
  computeKolmogorovCdf,
  computeKolmogorovSurvival,
  computeMedian,
  computeQuantile,
  computeSmirnovSurvival,
  computeWilsonInterval,
  testUniformity,
  Z_95,
} from './statistics.ts';

const REFERENCE = new URL('../../../../../shared/vectors/stats/reference.json', import.meta.url);

describe('Kolmogorov distribution', () => {
  it.skipIf(!existsSync(REFERENCE))('matches the reference values (skipped: vectors not present)', () => {
    const { kolmogorov_sf: reference } = JSON.parse(readFileSync(REFERENCE, 'utf8')) as {
      kolmogorov_sf: { rtol: number; x_sf: [number, number][]; small_x_cdf: [number, number][] };
    };
    for (const [x, sf] of reference.x_sf) {
      expect(Math.abs(computeKolmogorovSurvival(x) - sf) / sf).toBeLessThan(reference.rtol);
    }
    for (const [x, cdf] of reference.small_x_cdf) {
      // The reference inverts 1 - cdf in doubles, so its abscissae carry one epsilon of 1, not of the small value.
      expect(Math.abs(computeKolmogorovCdf(x) - cdf)).toBeLessThan(cdf * reference.rtol + Number.EPSILON);
    }
  });

  it('joins its two series without a seam and keeps the far tail', () => {
    expect(computeKolmogorovCdf(1 - 1e-12)).toBeCloseTo(computeKolmogorovCdf(1), 10);
    expect(computeKolmogorovSurvival(8)).toBeCloseTo(2 * Math.exp(-128), 60);
    expect(computeKolmogorovSurvival(8)).toBeGreaterThan(0);
    expect(computeKolmogorovSurvival(-1)).toBe(1);
    expect(computeKolmogorovCdf(0)).toBe(0);
  });
});

describe('one-sided Smirnov test', () => {
  it.skipIf(!existsSync(REFERENCE))('matches the reference values (skipped: vectors not present)', () => {
    const { smirnov_one_sided_sf: reference } = JSON.parse(readFileSync(REFERENCE, 'utf8')) as {
      smirnov_one_sided_sf: { n_d_sf: [number, number, number][] };
    };
    expect(reference.n_d_sf.length).toBeGreaterThan(10);
    for (const [n, d, sf] of reference.n_d_sf) expect(Math.abs(computeSmirnovSurvival(n, d) - sf)).toBeLessThan(1e-11);
  });

  it('has its limit law, and its edges', () => {
    for (const x of [0.5, 1, 2]) {
      expect(computeSmirnovSurvival(100_000, x / Math.sqrt(100_000))).toBeCloseTo(Math.exp(-2 * x * x), 2);
    }
    expect(computeSmirnovSurvival(7, 0)).toBe(1);
    expect(computeSmirnovSurvival(7, 1)).toBe(0);
    expect(() => computeSmirnovSurvival(0, 0.5)).toThrow(RangeError);
  });

  it('rejects p-values that are too small at the stated rate, and large ones never', () => {
    const random = createSeededRandom(1951);
    const trials = 1000;
    let rejected = 0;
    for (let i = 0; i < trials; i++) {
      if (testUniformity(Array.from({ length: 40 }, random)).pValue <= 0.05) rejected++;
    }
    const { low, high } = computeWilsonInterval(rejected, trials, 3);
    expect(low).toBeLessThan(0.05);
    expect(high).toBeGreaterThan(0.05);
    expect(testUniformity(Array.from({ length: 40 }, () => random() ** 3)).pValue).toBeLessThan(0.01);
    expect(testUniformity(Array.from({ length: 40 }, () => 1 - random() ** 4)).pValue).toBeGreaterThan(0.5);
    expect(() => testUniformity([1.5])).toThrow(RangeError);
  });
});

describe('top-k distances', () => {
  const distancesOf = (committed: number[], aligned: number[]) =>
    computeAlignedDistances(committed, aligned, committed.length, { totalVariation: 0, kolmogorov: 0 });

  it('detects a head-to-tail shift in the cumulative masses', () => {
    const distances = distancesOf([0.6, 0.3, 0.1], [0.4, 0.4, 0.2]);
    expect(distances.totalVariation).toBeCloseTo(0.2, 12);
    expect(distances.kolmogorov).toBeCloseTo(0.2, 12);
  });

  it('counts an id that the other side does not list as zero mass', () => {
    expect(distancesOf([1], [0])).toEqual({ totalVariation: 0.5, kolmogorov: 1 });
  });

  it('is zero for itself and never above one', () => {
    const masses = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 20, maxLength: 20 });
    fc.assert(
      fc.property(masses, masses, (a, b) => {
        const normalise = (values: number[]) => {
          const total = values.reduce((sum, value) => sum + value, 0) || 1;
          return values.map((value) => value / total);
        };
        const [p, q] = [normalise(a), normalise(b)];
        const distances = distancesOf(p, q);
        expect(distances.kolmogorov).toBeLessThanOrEqual(1 + 1e-9);
        expect(distances.totalVariation).toBeLessThanOrEqual(1 + 1e-9);
        expect(distancesOf(p, p)).toEqual({ totalVariation: 0, kolmogorov: 0 });
      }),
      { seed: 34 },
    );
  });
});

describe('intervals and quantiles', () => {
  it('matches published Wilson intervals', () => {
    // Newcombe 1998, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
    const table = [
      [81, 263, 0.2553, 0.3662],
      [15, 148, 0.0624, 0.1605],
      [0, 20, 0, 0.1611],
      [1, 29, 0.0061, 0.1718],
    ] as const;
    for (const [successes, trials, low, high] of table) {
      const interval = computeWilsonInterval(successes, trials);
      expect(interval.low).toBeCloseTo(low, 4);
      expect(interval.high).toBeCloseTo(high, 4);
    }
    expect(computeWilsonInterval(20, 20).high).toBe(1);
    expect(() => computeWilsonInterval(2, 1)).toThrow(RangeError);
    expect(() => computeWilsonInterval(0, 0)).toThrow(RangeError);
  });

  it('interpolates like R and NumPy', () => {
    expect(computeQuantile([4, 1, 3, 2], 0.25)).toBe(1.75);
    expect(computeMedian([10, 2, 4])).toBe(4);
    expect(computeQuantile([1, Infinity, Infinity], 0.9)).toBe(Infinity);
    expect(() => computeQuantile([1], 1.1)).toThrow(RangeError);
    expect(() => computeMedian([])).toThrow(RangeError);
  });
});

describe('coverage of the Wilson interval', () => {
  type Interval = (successes: number, trials: number) => { low: number; high: number };
  const wald: Interval = (successes, trials) => {
    const share = successes / trials;
    const half = Z_95 * Math.sqrt((share * (1 - share)) / trials);
    return { low: share - half, high: share + half };
  };
  const narrow: Interval = (successes, trials) => computeWilsonInterval(successes, trials, 1.645);

  const SIMULATIONS = 5000;
  // Three standard errors of a share of 5000 near 95 %: 0.009.
  const ERROR = 3 * Math.sqrt((0.95 * 0.05) / SIMULATIONS);

  /** Measures how often an interval contains the true share. */
  function measureCoverage(drawShare: (random: () => number) => number, trials: number) {
    const random = createSeededRandom(1927);
    const counted = Array.from({ length: SIMULATIONS }, () => {
      const share = drawShare(random);
      let successes = 0;
      for (let k = 0; k < trials; k++) if (random() < share) successes++;
      return { share, successes };
    });
    return (interval: Interval): number =>
      counted.filter(({ share, successes }) => {
        const { low, high } = interval(successes, trials);
        return low <= share && share <= high;
      }).length / SIMULATIONS;
  }

  it('is 95 % over all shares, unlike narrower intervals and the naive one', () => {
    for (const trials of [20, 100]) {
      const cover = measureCoverage((random) => random(), trials);
      // Summed over the binomial it is 95.3 % at 20 and 95.1 % at 100.
      const holds = (interval: Interval): boolean => Math.abs(cover(interval) - 0.95) < ERROR + 0.0035;
      expect(holds(computeWilsonInterval), `${trials}`).toBe(true);
      expect(holds(narrow), `${trials}, z of 90 %`).toBe(false);
      expect(holds(wald), `${trials}, naive`).toBe(false);
    }
  });

  it.each([0.02, 0.1, 0.5, 0.9, 0.98])('is near that at a share of %f', (share) => {
    const cover = measureCoverage(() => share, 150);
    // Counts are whole, so the coverage varies with share and draws. Summed over the binomial, it is 95.9 % to 96.8 % here.
    const holds = (interval: Interval): boolean => Math.abs(cover(interval) - 0.95) < ERROR + 0.02;
    expect(holds(computeWilsonInterval)).toBe(true);
    expect(holds((successes, trials) => computeWilsonInterval(successes, trials, 1.3))).toBe(false);
    if (share < 0.1 || share > 0.9) expect(holds(wald)).toBe(false);
  });
});
