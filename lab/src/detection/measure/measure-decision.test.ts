import { describe, expect, it } from 'vitest';
import type { RankedReply } from './detector.ts';
import { measureDecision, measureWindowDecision } from './measure-decision.ts';
import { createJudged } from './synthetic-judged.ts';

const repliesOf = (eValue: number, count: number): RankedReply[] =>
  Array.from({ length: count }, () => createJudged({ eValue }));

describe('the tokens that a decision takes', () => {
  it('are the number of replies times the tokens of a window', () => {
    const { tokensToDecide, evidence } = measureWindowDecision(repliesOf(100, 50), 1);
    const replies = measureDecision(repliesOf(100, 50), 1);
    expect(tokensToDecide?.median).toBe(32 * (replies?.median ?? Number.NaN));
    expect(replies?.p90).toBe(replies?.median);
    expect(evidence.at(-1)?.[0]).toBe(tokensToDecide?.median);
    expect(evidence.at(-1)?.[1]).toBeGreaterThanOrEqual(Math.log(1e6));
  });

  it('are undefined if replies hold no evidence', () => {
    expect(measureDecision(repliesOf(1, 300), 1)).toBeUndefined();
    expect(measureDecision([], 1)).toBeUndefined();
    expect(measureWindowDecision([], 1)).toEqual({ tokensToDecide: undefined, evidence: [] });
  });

  it('count no reply twice: too few replies never decide, however strong', () => {
    const enough = measureDecision(repliesOf(100, 50), 1)?.median ?? Number.NaN;
    expect(measureDecision(repliesOf(100, enough - 1), 1)).toBeUndefined();
    expect(measureDecision(repliesOf(100, enough), 1)?.median).toBe(enough);
  });

  it('are the same in every run', () => {
    const mixed = [...repliesOf(30, 6), ...repliesOf(0.6, 100)];
    expect(measureWindowDecision(mixed, 1)).toEqual(measureWindowDecision([...mixed], 1));
  });
});
