import { describe, expect, it } from 'vitest';
import { createSeededRandom } from '../../../base/seeded-random.ts';
import { fitHonestLevels, type HonestLevel, levelStatistic, MAX_LEVELS } from './honest-levels.ts';

const SEED = 20261120;

/** Honest statistics whose scatter grows with the surprise of their text. A few texts are very surprising. */
function sample(count: number, seed: number) {
  const random = createSeededRandom(seed);
  return Array.from({ length: count }, () => {
    const surprise = random() < 0.1 ? 4 + 4 * random() : 1 + 2 * random();
    const spread = surprise < 3 ? 1 : surprise - 2;
    return { surprise, statistic: -3 + spread * (-Math.log(1 - random()) - 1) };
  });
}

const shareAbove = (values: readonly number[], limit: number): number =>
  values.filter((value) => value > limit).length / values.length;

describe('levels of honest statistics', () => {
  it(`keep one rate for likely and for unlikely text, seed ${SEED}`, () => {
    const levels = fitHonestLevels(sample(4000, SEED));
    const judge = (isLeveled: boolean) => {
      const fresh = sample(40_000, SEED + 1);
      const of = (point: (typeof fresh)[number]) => (isLeveled ? levelStatistic(levels, point) : point.statistic);
      const limit = Float64Array.from(fresh, of).sort()[Math.floor(0.99 * fresh.length)] as number;
      return shareAbove(
        fresh.filter(({ surprise }) => surprise > 4).map((point) => of(point)),
        limit,
      );
    };
    // The target is one in a hundred. Without levels most of those above the limit are unlikely text.
    const [plain, leveled] = [judge(false), judge(true)];
    expect(plain).toBeGreaterThan(0.05);
    expect(leveled).toBeGreaterThan(0.004);
    expect(leveled).toBeLessThan(plain / 2);
  });

  it('ascend, have positive width, and are few', () => {
    for (const count of [50, 99, 100, 400, 20_000, 100_000]) {
      const levels = fitHonestLevels(sample(count, SEED + count));
      expect(levels.length).toBeGreaterThan(0);
      expect(levels.length).toBeLessThanOrEqual(MAX_LEVELS);
      levels.forEach(({ surprise, width }, i) => {
        expect(width).toBeGreaterThan(0);
        expect(surprise).toBeGreaterThan(levels[i - 1]?.surprise ?? -1);
      });
    }
    expect(fitHonestLevels(sample(99, 1))).toHaveLength(1);
    expect(fitHonestLevels(sample(100, 1))).toHaveLength(2);
  });

  it('do not exist for few replies, nor for replies without scatter', () => {
    expect(fitHonestLevels(sample(49, SEED))).toEqual([]);
    expect(fitHonestLevels(sample(200, SEED).map((point) => ({ ...point, statistic: 7 })))).toEqual([]);
  });

  it('are a single one if all text is equally unlikely', () => {
    expect(fitHonestLevels(sample(500, SEED).map((point) => ({ ...point, surprise: 2 })))).toHaveLength(1);
  });

  it('do not depend on the order of replies', () => {
    const points = sample(300, SEED);
    expect(fitHonestLevels([...points].reverse())).toEqual(fitHonestLevels(points));
  });
});

describe('a statistic relative to levels', () => {
  const levels: HonestLevel[] = [
    { surprise: 1, centre: 10, width: 2 },
    { surprise: 3, centre: 20, width: 6 },
  ];
  const level = (surprise: number, statistic: number): number => levelStatistic(levels, { surprise, statistic });

  it('is interpolated between two levels, and uses the nearest one beyond them', () => {
    expect([level(1, 14), level(3, 32), level(2, 23)]).toEqual([2, 2, 2]);
    expect([level(0, 14), level(9, 32)]).toEqual([2, 2]);
    expect(level(1.5, 12.5)).toBe(0);
  });

  it('is unchanged without levels', () => {
    expect(levelStatistic([], { surprise: 1, statistic: 14 })).toBe(14);
  });

  it('grows with the statistic, for any text', () => {
    for (const surprise of [0, 1, 1.7, 3, 5]) expect(level(surprise, 2)).toBeGreaterThan(level(surprise, 1));
  });
});
