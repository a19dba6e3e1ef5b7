import { describe, expect, it } from 'vitest';
import { computeBetaCdf, computeLogGamma } from './beta.ts';

describe('beta distribution', () => {
  it('is the binomial sum if both parameters are integers', () => {
    for (const [n, k] of [
      [5, 2],
      [20, 1],
      [60, 59],
      [200, 37],
    ] as const) {
      for (const p of [0.01, 0.2, 0.5, 0.93]) {
        let sum = 0;
        for (let j = k; j <= n; j++) {
          sum += Math.exp(
            computeLogGamma(n + 1) -
              computeLogGamma(j + 1) -
              computeLogGamma(n - j + 1) +
              j * Math.log(p) +
              (n - j) * Math.log(1 - p),
          );
        }
        expect(computeBetaCdf(p, k, n - k + 1)).toBeCloseTo(sum, 10);
      }
    }
  });

  it('has closed forms at its edges', () => {
    expect(computeBetaCdf(0.3, 1, 1)).toBeCloseTo(0.3, 14);
    expect(computeBetaCdf(0.25, 0.5, 0.5)).toBeCloseTo((2 / Math.PI) * Math.asin(0.5), 12);
    expect(computeBetaCdf(0, 2, 3)).toBe(0);
    expect(computeBetaCdf(1, 2, 3)).toBe(1);
    expect(computeBetaCdf(1 - 0.05 ** (1 / 1000), 1, 1000)).toBeCloseTo(0.95, 12);
    expect(() => computeBetaCdf(0.5, 0, 1)).toThrow(RangeError);
  });

  it('has the factorials', () => {
    let factorial = 0;
    for (let n = 1; n <= 100; n++) {
      factorial += Math.log(n);
      expect(Math.abs(computeLogGamma(n + 1) - factorial)).toBeLessThan(1e-11);
    }
    expect(computeLogGamma(0.5)).toBeCloseTo(Math.log(Math.PI) / 2, 13);
    expect(computeLogGamma(0.1)).toBeCloseTo(2.2527126517342, 11);
    expect(() => computeLogGamma(0)).toThrow(RangeError);
  });
});
