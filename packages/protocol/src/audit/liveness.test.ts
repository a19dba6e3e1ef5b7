import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import vectors from '../../vectors/secret-draw.json' with { type: 'json' };
import { computeWeightedMedian } from '../statistics/weighted-median.ts';
import { computeLivenessPpm, updateCredit, weighCredit } from './liveness.ts';

describe('liveness', () => {
  it('is that of the vectors', () => {
    for (const { allWeight, sightings, livenessPpm } of vectors.liveness) {
      const said = sightings.map(({ weight, ...counts }) => ({ ...counts, weight: BigInt(weight) }));
      expect(computeLivenessPpm(said, BigInt(allWeight))).toBe(livenessPpm);
    }
    for (const { figures, median } of vectors.medians) {
      const given = figures.map(([value, weight]) => ({ value: value!, weight: BigInt(weight!) }));
      expect(computeWeightedMedian(given) ?? null).toBe(median);
    }
    for (const { creditPpm, reports, after } of vectors.credits) expect(updateCredit(creditPpm, reports)).toBe(after);
  });

  it('stays within the observations of the others if less than half of the stake lies', () => {
    const honest = fc.array(fc.record({ weight: fc.bigInt(1n, 100n), asked: fc.constant(20), missed: fc.nat(20) }), {
      minLength: 1,
      maxLength: 8,
    });
    fc.assert(
      fc.property(honest, fc.nat(20), (seen, missed) => {
        const weight = seen.reduce((sum, one) => sum + one.weight, 0n);
        const liar = { weight: weight - 1n, asked: 20, missed };
        const least = Math.min(...seen.map((one) => one.missed));
        const most = Math.max(...seen.map((one) => one.missed));
        const found = computeLivenessPpm([...seen, liar], 2n * weight - 1n);
        expect(found).toBeGreaterThanOrEqual(Math.max(62_500, 1_000_000 - 50_000 * most));
        expect(found).toBeLessThanOrEqual(Math.max(62_500, 1_000_000 - 50_000 * least));
      }),
      { seed: 7 },
    );
  });

  it('is not lowered by less than half of all stake, even if few others report', () => {
    expect(computeLivenessPpm([{ weight: 49n, asked: 50, missed: 50 }], 100n)).toBe(1_000_000);
    expect(computeLivenessPpm([{ weight: 51n, asked: 50, missed: 50 }], 100n)).toBe(62_500);
    expect(() => computeLivenessPpm([{ weight: 1n, asked: 3, missed: 4 }], 1n)).toThrow('not 4 of 3');
  });

  it('lowers the weight of a reporter far from the others, and restores it once it agrees', () => {
    const far = [{ missedPpm: 1_000_000, medianPpm: 0 }];
    const near = [{ missedPpm: 200_000, medianPpm: 0 }];
    let credit = 1_000_000;
    for (let i = 0; i < 20; i++) credit = updateCredit(credit, far);
    expect(credit).toBe(15_625);
    expect(weighCredit(64n * 10n ** 18n, credit)).toBe(10n ** 18n);
    for (let i = 0; i < 8; i++) credit = updateCredit(credit, near);
    expect(credit).toBe(1_000_000);
    expect(() => computeWeightedMedian([{ value: 1, weight: -1n }])).toThrow(RangeError);
  });
});
