import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { calibrateMixture, calibratePower, dilute } from './e-value.ts';

/** Integral over (0, 1) by the midpoint rule in ln p: the mass near 0 is where a calibrator could hide too much. */
function integrate(calibrate: (p: number) => number): number {
  let sum = 0;
  const step = 1e-3;
  for (let x = step / 2; x < 600; x += step) sum += calibrate(Math.exp(-x)) * Math.exp(-x) * step;
  return sum;
}

describe('calibrators', () => {
  it('have integral one, no more (what the tail of the mixture beyond e^-600 holds is 1 / 600)', () => {
    for (const kappa of [0.1, 0.3, 0.5, 0.9]) expect(integrate((p) => calibratePower(p, kappa))).toBeCloseTo(1, 4);
    const mixture = integrate(calibrateMixture);
    expect(mixture).toBeLessThan(1);
    expect(mixture).toBeCloseTo(1 - 1 / 600, 4);
  });

  it('fall with p', () => {
    const p = fc.double({ min: 1e-300, max: 1, noNaN: true });
    fc.assert(
      fc.property(p, p, (a, b) => {
        const [low, high] = a < b ? [a, b] : [b, a];
        expect(calibrateMixture(low)).toBeGreaterThanOrEqual(calibrateMixture(high) * (1 - 1e-12));
        expect(calibratePower(low, 0.2)).toBeGreaterThanOrEqual(calibratePower(high, 0.2) * (1 - 1e-12));
      }),
      { seed: 41 },
    );
  });

  it('mix what the single ones give', () => {
    for (const p of [1e-6, 1e-3, 0.05, 0.36, 0.37, 0.5, 0.99]) {
      let mixture = 0;
      for (let kappa = 5e-5; kappa < 1; kappa += 1e-4) mixture += calibratePower(p, kappa) * 1e-4;
      expect(calibrateMixture(p) / mixture).toBeCloseTo(1, 5);
    }
    expect(calibrateMixture(1)).toBe(0.5);
  });

  it('refuse what is no p-value', () => {
    for (const p of [0, -1, 1.1, Number.NaN]) {
      expect(() => calibrateMixture(p)).toThrow(RangeError);
      expect(() => calibratePower(p, 0.5)).toThrow(RangeError);
    }
    expect(() => calibratePower(0.5, 1)).toThrow(RangeError);
  });

  it('stay e-values when diluted', () => {
    expect(dilute(20, 0.1)).toBeCloseTo(2.9, 12);
    expect(dilute(1, 0.3)).toBe(1);
    expect(dilute(0, 1)).toBe(0);
  });
});
