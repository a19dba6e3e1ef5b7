import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { createSyntheticEvidence, type SyntheticDrift } from '@ogong/testing/synthetic/synthetic-evidence';
import { describe, expect, it } from 'vitest';
import type { AttackDefinition } from '../../attackers/attack.ts';
import { createDetector } from './detector.ts';
import type { JudgedReply } from './load.ts';
import { measureAttack, measureCatch } from './measure-attacks.ts';
import { createJudged } from './synthetic-judged.ts';

describe('the share caught at a rate of false rejects', () => {
  const ranked = createJudged({ leastPValue: 5e-4, pValue: 5e-4, extrapolatedPValue: 1e-6 });
  const thin = createJudged({ leastPValue: 5e-3, pValue: 5e-3, extrapolatedPValue: 1e-6 });

  it('is by rank if there are enough replies, otherwise by a fitted tail, and says which', () => {
    expect(measureCatch([ranked], 1e-3)).toMatchObject({ caught: { value: 1 }, extrapolated: false });
    expect(measureCatch([thin], 1e-3)).toMatchObject({ caught: { value: 1 }, extrapolated: true });
    expect(measureCatch([ranked, thin], 1e-3)).toMatchObject({ caught: { value: 1 }, extrapolated: true });
    expect(measureCatch([ranked, thin], 1e-2)).toMatchObject({ caught: { value: 1 }, extrapolated: false });
  });

  it('is not by tail if the ranks reach the rate', () => {
    const near = { ...ranked, pValue: 0.02 };
    expect(measureCatch([near], 1e-3)).toMatchObject({ caught: { value: 0 }, extrapolated: false });
  });
});

describe('the check that found a reply', () => {
  const seed = 41;
  const createReplies = (count: number, from: number, fallback: string, drift?: SyntheticDrift): JudgedReply[] => {
    const random = createSeededRandom(from);
    return Array.from({ length: count }, (_, i) => {
      const whole = createSyntheticEvidence(random, { positions: 32, ...drift });
      const comparison = { sketchCoherence: 3, windows: [{ sketchDistance: 0.2, logprobShift: 0.2, kolmogorov: 0.2 }] };
      return {
        seed: i,
        tokens: 32,
        modelRoot: new Uint8Array(32),
        scored: { whole, first: whole, cuts: [], fallback, comparison },
      };
    }) as unknown as JudgedReply[];
  };
  const measureRow = (honest: number, fallback: string, name = 'far', known: readonly string[] = []) => {
    const attack = { name, family: 'weights', aim: '' } as AttackDefinition;
    const replies = createReplies(20, seed + 1, fallback, { scale: 30 });
    const detector = createDetector({
      ...{ providerClass: 'a', verifierClass: 'b', codeVersion: '1' },
      ...{ honest: createReplies(honest, seed, 'accept'), attacks: new Map(known.map((each) => [each, replies])) },
    });
    const seen = { other: replies, same: [], vulkan: [] };
    const pair = { provider: 'a', verifier: 'b' };
    return measureAttack({ attack, weights: 'f16', ...seen, ...pair, maxTokens: 32 }, detector, 1);
  };
  const measure = (honest: number, fallback: string) => measureRow(honest, fallback).caughtBy;

  it(`is the likelihood if there are many honest replies, seed ${seed}`, () => {
    expect(measure(2000, 'accept')).toEqual({ likelihood: 20 });
  });

  it(`is the fixed limits if there are too few honest replies for such a rank, seed ${seed}`, () => {
    expect(measure(200, 'reject')).toEqual({ 'fixed limits': 20 });
    expect(measure(200, 'accept')).toEqual({ nothing: 20 });
  });

  it(`counts rejects without a name, whether the likelihood or fixed limits reject, seed ${seed}`, () => {
    // No cheat was sampled, so the likelihood has no name for it. The replies are counted all the same.
    expect(measureRow(2000, 'accept').named).toMatchObject({ of: 20, value: 0 });
    expect(measureRow(200, 'reject').named).toMatchObject({ of: 20, value: 0 });
    expect(measureRow(200, 'accept').named).toBeUndefined();
  });

  it(`names the kind by another attack of that kind, and the exact attack if it is an alternative, seed ${seed}`, () => {
    const other = measureRow(2000, 'accept', 'weights-noise-1e-3', ['weights-fine-tune-1e-3']);
    expect([other.named?.value, other.namedExactly?.value]).toEqual([1, 0]);
    const own = measureRow(2000, 'accept', 'weights-noise-1e-3', ['weights-noise-1e-3']);
    expect([own.named?.value, own.namedExactly?.value]).toEqual([1, 1]);
  });
});
