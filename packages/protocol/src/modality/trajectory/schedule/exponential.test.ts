import { expect, it } from 'vitest';
import { exponential } from './exponential.ts';

it('is near e to the power', () => {
  expect(exponential(0)).toBe(1);
  for (const power of [-8, -1, 0.5, 0.63, 1.15, 8]) {
    const off = Math.abs(exponential(power) / Math.exp(power) - 1);
    expect(off).toBeLessThan(1e-13);
  }
});
