import { createSyntheticEvidence, type SyntheticDrift } from '@ogong/testing/synthetic/synthetic-evidence';
import { describe, expect, it } from 'vitest';
import { createSeededRandom } from '../../../base/seeded-random.ts';
import type { ReplyEvidence } from '../stage2/reply-scores.ts';
import { evaluateLikelihood, type Likelihood } from './likelihood.ts';
import { fitLikelihood, MIN_ALTERNATIVE_REPLIES, MIN_FIT_REPLIES } from './likelihood-fit.ts';

const many = (seed: number, count: number, drift?: SyntheticDrift): ReplyEvidence[] => {
  const random = createSeededRandom(seed);
  return Array.from({ length: count }, () => createSyntheticEvidence(random, drift));
};
const statistics = (likelihood: Likelihood, replies: readonly ReplyEvidence[]): number[] =>
  replies.map((reply) => evaluateLikelihood(likelihood, reply).statistic);
/** Share of the cheats above the limit of the largest 1 % of honest statistics. */
const power = (honest: readonly number[], cheats: readonly number[]): number => {
  const limit = [...honest].sort((a, b) => b - a)[Math.floor(honest.length / 100)]!;
  return cheats.filter((value) => value > limit).length / cheats.length;
};

const HONEST = many(1, 300);
const NAMED = [
  { name: 'coarse', replies: many(2, 40, { scale: 8 }) },
  { name: 'late', replies: many(3, 40, { late: { windows: 2, scale: 2 } }) },
];
const model = fitLikelihood(HONEST, NAMED);
const fresh = statistics(model, many(4, 1000));

describe('likelihood', () => {
  it('separates its fitted hypotheses, and names them', () => {
    for (const [name, drift] of [
      ['coarse', { scale: 8 }],
      ['late', { late: { windows: 2, scale: 2 } }],
    ] as const) {
      const cheats = many(5, 200, drift);
      expect(power(fresh, statistics(model, cheats)), name).toBeGreaterThan(0.95);
      const named = cheats.filter((reply) => evaluateLikelihood(model, reply).posteriors[0]?.name === name);
      expect(named.length, name).toBeGreaterThan(180);
    }
  });

  it.each([
    ['a cheat between the named ones', { scale: 1.6 }],
    ['values that are too close', { scale: 1 / 20, drawScale: 1 }],
    ['honest values over draws of another model', { drawScale: 30 }],
    ['single values that were bent', { bent: 2 }],
    ['one window of four', { late: { windows: 1, scale: 4 } }],
  ])('detects %s without samples', (_, drift) => {
    const derived = fitLikelihood(HONEST, []);
    expect(power(statistics(derived, many(4, 1000)), statistics(derived, many(6, 200, drift)))).toBeGreaterThan(0.8);
  });

  it('detects nothing in honest replies', () => {
    expect(power(fresh, statistics(model, many(7, 1000)))).toBeLessThan(0.03);
  });

  it('has posteriors that sum to one, largest first, and stays finite far out', () => {
    for (const reply of [HONEST[0]!, ...many(8, 20, { scale: 1e6 })]) {
      const { statistic, posteriors } = evaluateLikelihood(model, reply);
      expect(Number.isFinite(statistic)).toBe(true);
      expect(posteriors.reduce((sum, { posterior }) => sum + posterior, 0)).toBeCloseTo(1, 9);
      expect(posteriors.map(({ posterior }) => posterior)).toEqual(
        posteriors.map(({ posterior }) => posterior).sort((a, b) => b - a),
      );
    }
  });

  it('weighs a mismatch by its gap: far ones count, near ones hardly', () => {
    const reply = many(9, 1)[0]!;
    const withGap = (bin: number): number => {
      const { matches, mismatches, gaps } = reply.draws;
      const draws = { matches, mismatches: mismatches.slice(), gaps: gaps.slice() };
      draws.gaps[bin] = draws.gaps[bin]! + 1;
      return evaluateLikelihood(model, { ...reply, draws }).statistic;
    };
    const base = evaluateLikelihood(model, reply).statistic;
    expect(withGap(22) - base).toBeGreaterThan(1);
    expect(withGap(22)).toBeGreaterThan(withGap(10));
    expect(withGap(5) - base).toBeLessThan(0.5);
  });

  it('has whitened honest scores of size one, and rates that fall with the margin', () => {
    const { honest } = model;
    const diagonal = honest.whitening.filter((_, i) => Number.isInteger((Math.sqrt(8 * i + 9) - 3) / 2));
    expect([...diagonal].every((value) => value > 0)).toBe(true);
    for (const hypothesis of [honest, ...model.alternatives]) {
      const rates = [...hypothesis.mismatch];
      expect(rates).toEqual([...rates].sort((a, b) => b - a));
    }
    expect(model.alternatives.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 12);
  });

  it('refuses too few replies, and states how many are missing', () => {
    expect(() => fitLikelihood(HONEST.slice(0, MIN_FIT_REPLIES - 5), [])).toThrow(/5 more/);
    const few = [{ name: 'rare', replies: HONEST.slice(0, MIN_ALTERNATIVE_REPLIES - 2) }];
    expect(() => fitLikelihood(HONEST, few)).toThrow(/rare, 2 more/);
  });
});
