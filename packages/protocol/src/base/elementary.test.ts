import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { computeExp, computeLog, computeLogSum } from './elementary.ts';

describe('elementary functions', () => {
  it('agree with the host to the last digits over the whole range', () => {
    fc.assert(
      fc.property(fc.double({ min: 5e-324, noNaN: true, noDefaultInfinity: true }), (x) => {
        expect(Math.abs(computeLog(x) - Math.log(x))).toBeLessThanOrEqual(4e-16 * Math.max(0.3, Math.abs(Math.log(x))));
      }),
      { seed: 61, numRuns: 2000 },
    );
    fc.assert(
      fc.property(fc.double({ min: -708, max: 709, noNaN: true }), (x) => {
        expect(Math.abs(computeExp(x) / Math.exp(x) - 1)).toBeLessThan(1e-15);
      }),
      { seed: 62, numRuns: 2000 },
    );
  });

  it('handle the usual edge cases', () => {
    expect(computeLog(1)).toBe(0);
    expect(computeLog(0)).toBe(Number.NEGATIVE_INFINITY);
    expect(computeLog(Infinity)).toBe(Infinity);
    expect(computeLog(-1)).toBeNaN();
    expect(computeLog(5e-324)).toBeCloseTo(Math.log(5e-324), 9);
    expect(computeExp(0)).toBe(1);
    expect(computeExp(-800)).toBe(0);
    expect(computeExp(710)).toBe(Infinity);
    expect(computeExp(709.78)).toBeLessThan(Infinity);
    expect(computeExp(-740)).toBeGreaterThan(0);
    expect(computeExp(Number.NaN)).toBeNaN();
  });

  it('sum exponentials that a double cannot represent', () => {
    expect(computeLogSum([1000, 1000])).toBeCloseTo(1000 + Math.LN2, 12);
    expect(computeLogSum([-2000, -2000, -2000])).toBeCloseTo(-2000 + Math.log(3), 12);
    expect(computeLogSum([])).toBe(Number.NEGATIVE_INFINITY);
    expect(computeLogSum([Number.NEGATIVE_INFINITY])).toBe(Number.NEGATIVE_INFINITY);
  });
});
