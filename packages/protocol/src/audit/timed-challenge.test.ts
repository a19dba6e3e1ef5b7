import { describe, expect, it } from 'vitest';
import vectors from '../../vectors/timed-challenge.json' with { type: 'json' };
import { INITIAL_SEQUENTIAL_TEST } from '../statistics/sprt.ts';
import { advanceTimedTest, computeIdentityBound, computeTimedDeadline } from './timed-challenge.ts';

describe('timed challenges', () => {
  it('bound keys by work, as in the vectors', () => {
    for (const { bound, ...load } of vectors.bounds) expect(computeIdentityBound(load)).toBe(bound);
    expect(() => computeIdentityBound({ throughput: 0, work: 1, perSecond: 1 })).toThrow(RangeError);
  });

  it('find a key by its misses, as in the vectors', () => {
    for (const { answers, evidence, ejected } of vectors.tests) {
      let state = INITIAL_SEQUENTIAL_TEST;
      for (const { tookMs, isRight } of answers) {
        state = advanceTimedTest(state, { tookMs: tookMs ?? undefined, isRight, deadlineMs: 4_000 });
      }
      expect(state.evidence).toBe(evidence);
      expect(state.ejected).toBe(ejected);
    }
  });

  it('have a deadline of four times the work plus a second for the round trip, at most ten minutes', () => {
    const deadline = (tokens: number, tokensPerSecond: number) => computeTimedDeadline({ tokens, tokensPerSecond });
    expect([deadline(100, 20), deadline(1, 3), deadline(10 ** 6, 1)]).toEqual([21_000, 2_334, 600_000]);
    for (const [tokens, rate] of [
      [0, 20],
      [100, 0],
      [Number.NaN, 1],
      [1, Number.POSITIVE_INFINITY],
    ] as const) {
      expect(() => deadline(tokens, rate)).toThrow(RangeError);
    }
  });

  it('count a wrong, a late and a missing answer as a miss', () => {
    const miss = (tookMs: number | undefined, isRight: boolean): number =>
      advanceTimedTest(INITIAL_SEQUENTIAL_TEST, { tookMs, isRight, deadlineMs: 100 }).rejects;
    expect([miss(100, true), miss(101, true), miss(1, false), miss(undefined, true)]).toEqual([0, 1, 1, 1]);
  });
});
