import { createSyntheticEvidence, type SyntheticDrift } from '@ogong/testing/synthetic/synthetic-evidence';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSeededRandom } from '../../../base/seeded-random.ts';
import { buildRankCalibration, computeRankPValue } from '../../../statistics/rank-calibration.ts';
import { roundStatistics, roundToBits } from '../../../statistics/round-bits.ts';
import { UNLIMITED } from './drift-table.ts';
import { roundLikelihood, roundQuantiles } from './drift-table-round.ts';
import { EQUAL_STATISTIC, evaluateLikelihood } from './likelihood.ts';
import { fitLikelihood } from './likelihood-fit.ts';

const SEED = 83;
const number = fc
  .double({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 })
  .map((value) => (Math.abs(value) < 1e-300 ? 0 : value));

describe('numbers of a table', () => {
  it('are rounded to nearest, keep their order, and do not change again', () => {
    expect([1, 1.5, -1.5, 0, 1000, -1000].map((value) => roundToBits(value, 10))).toEqual([
      1, 1.5, -1.5, 0, 1000, -1000,
    ]);
    expect(roundToBits(1 + 2 ** -5, 4)).toBe(1 + 2 ** -4);
    expect(roundToBits(1 + 2 ** -6, 4)).toBe(1);
    expect(() => roundToBits(Number.NaN, 10)).toThrow(RangeError);
    fc.assert(
      fc.property(number, number, fc.integer({ min: 4, max: 40 }), (a, b, bits) => {
        const [x, y] = [roundToBits(a, bits), roundToBits(b, bits)];
        expect(Math.abs(x - a)).toBeLessThanOrEqual(Math.abs(a) * 2 ** -(bits + 1));
        expect(a <= b ? x <= y : x >= y).toBe(true);
        expect(roundToBits(x, bits)).toBe(x);
      }),
      { seed: SEED },
    );
  });

  it('never make a held-out statistic smaller, and keep special values', () => {
    fc.assert(
      fc.property(fc.array(number, { maxLength: 20 }), (values) => {
        roundStatistics(values).forEach((rounded, i) => {
          expect(rounded).toBeGreaterThanOrEqual(values[i] as number);
          expect(rounded - (values[i] as number)).toBeLessThanOrEqual(Math.abs(values[i] as number) * 2 ** -16);
        });
      }),
      { seed: SEED },
    );
    expect(roundStatistics([EQUAL_STATISTIC])).toEqual([EQUAL_STATISTIC]);
    const limits = { value: [-3.1], low: [-UNLIMITED], high: [UNLIMITED] };
    expect(roundQuantiles(limits)).toMatchObject({ low: [-UNLIMITED], high: [UNLIMITED] });
  });
});

describe('a rounded likelihood', () => {
  const many = (seed: number, count: number, drift?: SyntheticDrift) => {
    const random = createSeededRandom(seed);
    return Array.from({ length: count }, () => createSyntheticEvidence(random, drift));
  };
  const whole = fitLikelihood(many(1, 120), [{ name: 'cheat', replies: many(2, 40, { scale: 2 }) }]);
  const rounded = roundLikelihood(whole);

  it('decides like the unrounded table', () => {
    const [honest, cheats] = [many(3, 400), many(4, 400, { scale: 1.25 })];
    const measure = (likelihood: typeof whole, round: (values: number[]) => number[]) => {
      const of = (replies: typeof honest): number[] =>
        replies.map((evidence) => evaluateLikelihood(likelihood, evidence).statistic);
      const calibration = buildRankCalibration(round(of(honest)));
      return of(cheats).map((statistic) => computeRankPValue(calibration, statistic));
    };
    const before = measure(whole, (values) => values);
    const after = measure(rounded, roundStatistics);
    for (const rate of [0.05, 0.01]) {
      const caught = (values: readonly number[]): number => values.filter((value) => value <= rate).length;
      expect(caught(before)).toBeGreaterThan(20);
      expect(Math.abs(caught(after) - caught(before))).toBeLessThanOrEqual(6);
    }
    // A coarser rounding would not.
    const coarse = whole.honest.whitening.map((value) => roundToBits(value, 1));
    const blunt = measure({ ...whole, honest: { ...whole.honest, whitening: coarse } }, (values) => values);
    expect(blunt.filter((value, i) => Math.abs(value - (before[i] as number)) > 0.05).length).toBeGreaterThan(40);
    expect(after.filter((value, i) => Math.abs(value - (before[i] as number)) > 0.05).length).toBeLessThan(8);
  });

  it('stays within its limits, and does not change when rounded again', () => {
    const again = roundLikelihood(rounded);
    for (const { mismatch, whitening } of [rounded.honest, ...rounded.alternatives]) {
      for (const rate of mismatch) expect(rate >= 1e-7 && rate <= 1 - 1e-7).toBe(true);
      expect(whitening.every(Number.isFinite)).toBe(true);
    }
    expect(again).toEqual(rounded);
  });
});
