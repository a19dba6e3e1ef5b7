import { MAX_REPLAY_BYTES } from '@ogong/protocol/exchange/limits';
import { VALUE_BYTES } from '@ogong/protocol/modality/shared/values';
import { createFakeTrajectoryEngine } from '@ogong/testing/engine/fake-trajectory';
import { expect, it } from 'vitest';
import { findChoiceProblem } from './picture-choices.ts';

const info = createFakeTrajectoryEngine().info();
const usual = {
  ...{ negativePrompt: '', size: undefined, steps: undefined, guidanceQ16: undefined, sampler: undefined },
  range: undefined,
};
const window = { startQ16: 0, endQ16: 32_768, momentumQ16: 0 };
const momentum = { ...window, momentumQ16: 32_768 };
const find = (change: object, of: Partial<typeof info> = {}) =>
  findChoiceProblem({ ...usual, guidancePlan: undefined, source: undefined, ...change }, { ...info, ...of });

it('makes a picture with a window and with momentum', () => {
  expect(find({ guidancePlan: window, guidanceQ16: 65_536 })).toBeUndefined();
  expect(find({ guidancePlan: momentum })).toBeUndefined();
});

it.each([
  ['a window of a model without a negative prompt', { guidancePlan: window }, { hasNegative: false }, 'guidance_start'],
  ['momentum of such a model', { guidancePlan: momentum }, { hasNegative: false }, 'guidance_momentum'],
  ['momentum with guidance 1', { guidancePlan: momentum, guidanceQ16: 65_536 }, {}, 'guidance_momentum'],
  ["momentum with the model's own guidance of 1", { guidancePlan: momentum }, { guidance: 1 }, 'guidance_momentum'],
])('refuses %s', (_what, change, of, param) => {
  expect(find(change, of)).toMatchObject({ param });
});

it('counts both answers of each step against the outputs of a reply', () => {
  const [size, places] = [{ width: 576, height: 576 }, 18 * 18];
  // 60 outputs fit. With momentum in half of 50 steps there are 75.
  const latentChannels = Math.floor(MAX_REPLAY_BYTES / (60 * places * VALUE_BYTES));
  const large = { mostPixels: 576 * 576, latentScale: 32, latentChannels };
  expect(find({ size, steps: 50 }, large)).toBeUndefined();
  expect(find({ size, steps: 50, guidancePlan: momentum }, large)).toMatchObject({
    param: 'steps',
    message: expect.stringMatching(/at most 6\d answers, and with guidance_momentum 75/),
  });
});
