import { describe, expect, it } from 'vitest';
import { judgeByLimits, type LimitScores } from './limits.ts';
import { FALLBACK_THRESHOLDS } from './thresholds.ts';

const near: LimitScores = { sketchDistance: 0, kolmogorov: 0, omission: 0, tailShift: 0, drawGap: 0, tailPlace: 0 };
const cases = [
  ['sketchDistance', 'sketch-distance'],
  ['kolmogorov', 'kolmogorov'],
  ['omission', 'omission'],
  ['tailShift', 'tail'],
  ['drawGap', 'draw-gap'],
  ['tailPlace', 'tail-place'],
] as const;

describe('fixed limits', () => {
  it('accept near values', () => {
    expect(judgeByLimits(near)).toMatchObject({ outcome: 'accept' });
    expect(judgeByLimits(near).checks.map(({ id }) => id)).toEqual(cases.map(([, id]) => id));
  });

  it.each(cases)('each decide alone: %s', (key, id) => {
    const { doubt, reject } = FALLBACK_THRESHOLDS[key];
    const judge = (value: number) => judgeByLimits({ ...near, [key]: value });
    expect(judge(doubt).outcome).toBe('accept');
    expect(judge(doubt + 1e-9).outcome).toBe('inconclusive');
    expect(judge(reject).outcome).toBe('inconclusive');
    for (const value of [reject + 1e-9, Number.POSITIVE_INFINITY, Number.NaN]) {
      const { outcome, checks } = judge(value);
      expect(outcome).toBe('reject');
      expect(checks.filter(({ status }) => status === 'fail').map((check) => check.id)).toEqual([id]);
    }
  });

  it('skip unknown scores, and report it', () => {
    const { outcome, checks } = judgeByLimits({ ...near, drawGap: undefined, tailPlace: undefined });
    expect(outcome).toBe('accept');
    expect(checks.filter(({ status }) => status === 'skip').map(({ id }) => id)).toEqual(['draw-gap', 'tail-place']);
    expect(judgeByLimits({ ...near, tailShift: 1, drawGap: undefined, tailPlace: undefined }).outcome).toBe('reject');
  });
});
