import { drawNormal } from '@ogong/testing/synthetic/synthetic-evidence';
import { describe, expect, it } from 'vitest';
import { createSeededRandom } from '../base/seeded-random.ts';
import { buildRankCalibration, computeRankPValue, MAX_STEPS, MIN_HELD_OUT_REPLIES } from './rank-calibration.ts';
import { testUniformity } from './statistics.ts';

const sample = (random: () => number, n: number): number[] => Array.from({ length: n }, () => drawNormal(random));

describe('rank calibration', () => {
  it('gives the exact rank if every value is kept', () => {
    const values = Array.from({ length: 120 }, (_, i) => i);
    const calibration = buildRankCalibration(values);
    const p = (statistic: number): number => computeRankPValue(calibration, statistic) * 121;
    expect(p(200)).toBeCloseTo(1, 12);
    expect(p(119)).toBeCloseTo(2, 12);
    expect(p(118.5)).toBeCloseTo(2, 12);
    expect(p(60)).toBeCloseTo(61, 12);
    expect(p(0)).toBeCloseTo(121, 12);
    expect(p(-1)).toBeCloseTo(121, 12);
  });

  it('is never below the rank if steps were left out or values are equal', () => {
    const random = createSeededRandom(7);
    const values = sample(random, 5000).map((value) => Math.round(value * 50) / 50);
    const calibration = buildRankCalibration(values);
    expect(calibration.steps.length).toBeLessThanOrEqual(MAX_STEPS);
    for (let i = 0; i < 500; i++) {
      const statistic = Math.round(drawNormal(random) * 100) / 100;
      const rank = (1 + values.filter((value) => value >= statistic).length) / 5001;
      const pValue = computeRankPValue(calibration, statistic);
      expect(pValue).toBeGreaterThanOrEqual(rank - 1e-12);
      expect(pValue).toBeLessThanOrEqual(rank * 1.12 + 60 / 5001);
    }
  });

  it('has p-values that are uniform or larger for honest replies, over tables', () => {
    const random = createSeededRandom(28);
    const pValues = Array.from({ length: 2000 }, () => {
      const calibration = buildRankCalibration(sample(random, 120));
      return computeRankPValue(calibration, drawNormal(random));
    });
    expect(testUniformity(pValues).pValue).toBeGreaterThan(0.01);
    // The test can fail: it detects a statistic that is a little larger than the held-out ones.
    const shifted = Array.from({ length: 600 }, () => {
      const calibration = buildRankCalibration(sample(random, 120));
      return computeRankPValue(calibration, drawNormal(random) + 0.3);
    });
    expect(testUniformity(shifted).pValue).toBeLessThan(0.001);
  });

  it('refuses too few values, and NaN', () => {
    expect(() => buildRankCalibration(Array.from({ length: 60 }, (_, i) => i))).toThrow(/40 more/);
    const enough = Array.from({ length: MIN_HELD_OUT_REPLIES }, (_, i) => i);
    expect(() => buildRankCalibration([...enough, Number.NaN])).toThrow(RangeError);
    expect(() => computeRankPValue(buildRankCalibration(enough), Number.NaN)).toThrow(RangeError);
  });
});
