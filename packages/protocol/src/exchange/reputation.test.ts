import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { computeReputationPpm, EMPTY_HISTORY, PPM } from './reputation.ts';

describe('reputation', () => {
  it('starts at one half and moves with the record', () => {
    expect(computeReputationPpm(EMPTY_HISTORY)).toBe(PPM / 2);
    expect(computeReputationPpm({ ...EMPTY_HISTORY, accepts: 98 })).toBe(990_000);
    expect(computeReputationPpm({ ...EMPTY_HISTORY, accepts: 1, rejects: 1, abandoned: 1 })).toBe(400_000);
  });

  it('is monotone: accepts raise it, rejects and abandoned replies lower it', () => {
    const count = fc.nat(1_000_000);
    fc.assert(
      fc.property(count, count, count, (accepts, rejects, abandoned) => {
        const history = { accepts, rejects, abandoned, ejected: false };
        const now = computeReputationPpm(history);
        expect(now).toBeGreaterThanOrEqual(0);
        expect(now).toBeLessThan(PPM);
        expect(computeReputationPpm({ ...history, accepts: accepts + 1 })).toBeGreaterThanOrEqual(now);
        expect(computeReputationPpm({ ...history, rejects: rejects + 1 })).toBeLessThanOrEqual(now);
        expect(computeReputationPpm({ ...history, abandoned: abandoned + 1 })).toBeLessThanOrEqual(now);
      }),
      { seed: 44 },
    );
  });

  it('is 0 after an ejection, and refuses values that are not counts', () => {
    expect(computeReputationPpm({ ...EMPTY_HISTORY, accepts: 1000, ejected: true })).toBe(0);
    expect(() => computeReputationPpm({ ...EMPTY_HISTORY, rejects: -1 })).toThrow(RangeError);
    expect(() => computeReputationPpm({ ...EMPTY_HISTORY, accepts: 0.5 })).toThrow(RangeError);
  });
});
