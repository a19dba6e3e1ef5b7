import { describe, expect, it } from 'vitest';
import { expNegative, naturalLog, sumExponentials } from './deterministic-math.ts';

describe('deterministic exp and ln', () => {
  it('stays within 2e-10 of exp', () => {
    for (let x = 0; x < 40; x += 0.00731) expect(Math.abs(expNegative(x) / Math.exp(-x) - 1)).toBeLessThan(2e-10);
  });

  it('is zero from the cutoff on and for NaN, and continuous at zero', () => {
    expect(expNegative(40)).toBe(0);
    expect(expNegative(Number.POSITIVE_INFINITY)).toBe(0);
    expect(expNegative(Number.NaN)).toBe(0);
    expect(expNegative(-1e-13)).toBeCloseTo(1, 12);
  });

  it('stays within 1e-15 relative of ln, or 1e-16 absolute near one', () => {
    for (let x = 1e-6; x < 1e6; x *= 1.01) {
      expect(Math.abs(naturalLog(x) - Math.log(x))).toBeLessThan(1e-16 + 1e-15 * Math.abs(Math.log(x)));
    }
    expect(naturalLog(1)).toBe(0);
  });

  it('sums ascending and ignores minus infinity', () => {
    const values = Float32Array.of(9, 1, 2, Number.NEGATIVE_INFINITY, 3, 9);
    const sum = sumExponentials(values, { offset: 1, length: 4, reference: 3, scale: 0.5 });
    expect(sum).toBeCloseTo(Math.exp(-1) + Math.exp(-0.5) + 1, 9);
  });

  it('gives the pinned bits: a change here is a change of every numeric class', () => {
    const bits = (x: number) => new BigUint64Array(Float64Array.of(x).buffer)[0]?.toString(16);
    expect(
      [expNegative(0.1), expNegative(Math.PI), expNegative(27.5), naturalLog(3), naturalLog(31_999.5)].map(bits),
    ).toMatchInlineSnapshot(`
      [
        "3fecf46d99cd38f5",
        "3fa620227b598d07",
        "3d740e111f58f1e2",
        "3ff193ea7aad030b",
        "4024bf38302b6b1c",
      ]
    `);
  });
});
