import { describe, expect, it } from 'vitest';
import { createDetector } from './detector.ts';
import type { JudgedReply } from './load.ts';
import { createReplies } from './synthetic-judged.ts';

const SEED = 31;

const create = (honest: readonly JudgedReply[]) =>
  createDetector({
    ...{ providerClass: 'a', verifierClass: 'b', codeVersion: '1' },
    ...{ honest, attacks: new Map([['far', createReplies(50, SEED + 1, { scale: 6 })]]) },
  });

describe('honest replies', () => {
  it(`are each judged once, by ranks that do not include them, seed ${SEED}`, () => {
    const honest = createReplies(1000, SEED);
    const detector = create(honest);
    const halves = detector.judgeHonest(honest);
    const judged = halves.flat();
    expect(halves.map(({ length }) => length)).toEqual([300, 300]);
    expect(new Set(judged.map(({ seed }) => seed)).size).toBe(600);
    expect(judged.length).toBe(600);
    // A reply that is ranked among others can be the farthest. One that its ranks include cannot.
    expect(Math.min(...judged.map(({ pValue }) => pValue))).toBeCloseTo(1 / 301, 12);
    expect(detector.honest.length).toBe(600);
  });

  it('are ranked in each stratum by the other half of it', () => {
    const honest = createReplies(3000, SEED + 3);
    const detector = create(honest);
    const row = detector.rows[0]!;
    expect(row.strata).toHaveLength(2);
    const halves = detector.judgeHonest(honest);
    expect(halves.flat().length).toBe(1800);
    const least = row.strata.map(({ calibration }) => 1 / (Math.floor(calibration.replies / 2) + 1));
    for (const judged of halves) {
      expect(Math.abs(judged.length - 900)).toBeLessThanOrEqual(1);
      expect(Math.min(...judged.map(({ pValue }) => pValue))).toBeGreaterThanOrEqual(0.99 * least[0]!);
    }
    const few = row.strata[1]!.calibration.replies;
    expect(few).toBeLessThan(300);
    expect(halves.flat().filter(({ pValue }) => pValue < least[1]! / 2).length).toBeGreaterThan(0);
  });

  it('are not ranked if half of them are too few for a useful rank', () => {
    const honest = createReplies(320, SEED + 2);
    expect(create(honest).judgeHonest(honest)).toEqual([[], []]);
  });
});
