import { expect, it } from 'vitest';
import { computeLatentBound } from './latent-bound.ts';

it('is 1,024 standard deviations of the latent before a step', () => {
  expect(computeLatentBound({ alpha: 0.6, sigma: 0.8 })).toBeCloseTo(1_024, 9);
  // Euler at the noisiest time of Stable Diffusion.
  expect(computeLatentBound({ alpha: 1, sigma: 14.6146 })).toBeCloseTo(1_024 * 14.6488, 1);
});
