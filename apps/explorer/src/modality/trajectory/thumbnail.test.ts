import { expect, it } from 'vitest';
import { drawSteps } from './thumbnail.ts';

const estimates = [{ latent: 1, output: -1 }];
const step = (latent: readonly number[], output: readonly number[]) => ({
  latent: Float32Array.from(latent),
  output: Float32Array.from(output),
});

it('draws the clean latent of a step: three channels as colours, within the range of the last latent', () => {
  const form = { width: 2, height: 1, channels: 4 };
  const final = Float32Array.from([-1, 1, 0, 0, 4, 6, 9, 9]);
  const [picture] = drawSteps([step([1, 1, 0, 0, 5, 100, 7, 7], [1, -1, 0, 0, 0, 0, 7, 7])], final, {
    estimates,
    form,
  });
  // The range is 2.5 standard deviations beside the mean, or 1 for a channel of equal values.
  expect([...(picture?.pixels ?? [])]).toEqual([128, 128, 128, 230, 128, 255]);
});

it('draws a latent of one channel in grey', () => {
  const form = { width: 2, height: 1, channels: 1 };
  const [picture] = drawSteps([step([-1, 1], [0, 0])], Float32Array.from([-1, 1]), { estimates, form });
  expect([...(picture?.pixels ?? [])]).toEqual([77, 77, 77, 179, 179, 179]);
});
