import { describe, expect, it } from 'vitest';
import { toHex } from '../../../base/bytes.ts';
import { encodeModelFacts } from '../header.ts';
import { planSchedule, readSchedulerConfig, SAMPLER_NAMES } from './scheduler-config.ts';

const DDIM = {
  ...{ _class_name: 'DDIMScheduler', num_train_timesteps: 1000, beta_start: 0.00085, beta_end: 0.012 },
  ...{ beta_schedule: 'scaled_linear', clip_sample: false, set_alpha_to_one: false, steps_offset: 1 },
  ...{ prediction_type: 'epsilon', timestep_spacing: 'leading' },
};
const FLOW = { _class_name: 'FlowMatchEulerDiscreteScheduler', num_train_timesteps: 1000, shift: 3 };

describe('the scheduler of a model folder', () => {
  it('is read with its sampler and its settings', () => {
    expect(readSchedulerConfig(DDIM)).toMatchObject({
      kind: 'diffusion',
      sampler: 'ddim',
      settings: { endsClean: false, stepsOffset: 1 },
    });
    expect(readSchedulerConfig(FLOW)).toEqual({
      kind: 'flow',
      sampler: 'flow-match',
      settings: { trainSteps: 1000, shift: 3 },
    });
    const euler = readSchedulerConfig({ _class_name: 'EulerDiscreteScheduler' });
    expect(euler).toMatchObject({ sampler: 'euler', settings: { spacing: 'linspace', betaSchedule: 'linear' } });
  });

  it.each([
    ['another class', { _class_name: 'HeunDiscreteScheduler' }, '_class_name'],
    ['no class', { _class_name: undefined }, '_class_name'],
    ['a name of the prototype', { _class_name: 'constructor' }, '_class_name'],
    ['other levels of noise', { use_karras_sigmas: true }, 'use_karras_sigmas'],
    ['clipped samples', { clip_sample: true }, 'clip_sample'],
    ['samples that are clipped by default', { clip_sample: undefined }, 'clip_sample'],
    ['too many training times', { num_train_timesteps: 1001 }, 'num_train_timesteps'],
    ['half a training time', { num_train_timesteps: 9.5 }, 'num_train_timesteps'],
    ['a beta that is no number', { beta_start: '0.1' }, 'beta_start'],
    ['a beta above one half', { beta_end: 0.9 }, 'beta_end'],
    ['another growth of noise', { beta_schedule: 'squaredcos_cap_v2' }, 'beta_schedule'],
    ['another prediction', { prediction_type: 'flow' }, 'prediction_type'],
    ['an end that is no flag', { set_alpha_to_one: 1 }, 'set_alpha_to_one'],
  ])('is refused with %s', (_what, bend, field) => {
    expect(() => readSchedulerConfig({ ...DDIM, ...bend })).toThrow(field);
  });

  describe('of a pipeline with times of its own', () => {
    const SIZED = { ...FLOW, use_dynamic_shifting: true, base_shift: 0.5, max_shift: 1.15 };
    const read = (config: object) => readSchedulerConfig(config, true);
    const sigmas = (config: object, steps: number, places?: number): readonly number[] =>
      planSchedule(read(config), steps, 'flow-match', { places }).steps.map(({ timestep }) => timestep / 1_000);

    it('falls evenly', () => {
      expect(read(FLOW)).toEqual({
        kind: 'even-flow',
        sampler: 'flow-match',
        settings: { trainSteps: 1000, shift: 3 },
      });
      expect(sigmas({ ...FLOW, shift: 1 }, 4)).toEqual([1, 0.75, 0.5, 0.25]);
      // 3 u / (1 + 2 u) for u = 1 and 1/2.
      expect(sigmas(FLOW, 2)).toEqual([1, 0.75]);
    });

    it('may have a shift that grows with the size of the picture', () => {
      const settings = { trainSteps: 1000, baseShift: 0.5, mostShift: 1.15, baseTokens: 256, mostTokens: 4096 };
      expect(read(SIZED)).toEqual({ kind: 'sized-flow', sampler: 'flow-match', settings });
      for (const [tokens, power] of [
        [256, 0.5],
        [4096, 1.15],
        [1216, 0.6625],
      ] as const) {
        const shift = Math.exp(power);
        // The second of two steps begins with u = 1/2.
        expect(sigmas(SIZED, 2, 4 * tokens)[1]).toBeCloseTo(shift / (1 + shift), 12);
      }
      expect(() => sigmas(SIZED, 2)).toThrow('depends on the size of the picture');
      expect(() => sigmas({ ...SIZED, base_image_seq_len: 1, max_image_seq_len: 2 }, 2, 400)).toThrow('logarithm');
    });

    it.each([
      ['a shift above all models', { max_shift: 5 }, 'max_shift'],
      ['one number of tokens alone', { base_image_seq_len: 4096 }, 'max_image_seq_len'],
      ['another growth of the shift', { time_shift_type: 'linear' }, 'time_shift_type'],
    ])('is refused with %s', (_what, bend, field) => {
      expect(() => read({ ...SIZED, ...bend })).toThrow(field);
    });

    it('is refused with a growing shift in other pipelines', () => {
      expect(() => readSchedulerConfig(SIZED)).toThrow('use_dynamic_shifting');
      expect(() => read({ ...DDIM, use_dynamic_shifting: true })).toThrow('use_dynamic_shifting');
    });

    it('is part of the facts of a model, with a number of its own', () => {
      const encode = (config: object) =>
        toHex(encodeModelFacts({ latentChannels: 16, latentScale: 8, scheduler: read(config) }));
      expect(encode({ ...FLOW, shift: 1 })).toBe('10080203e83ff0000000000000');
      expect(encode(SIZED)).toBe('10080303e83fe00000000000003ff266666666666601001000');
    });
  });

  it.each([null, [], 'DDIMScheduler', 5])('is refused as %j', (config) => {
    expect(() => readSchedulerConfig(config)).toThrow('no object');
  });

  it('plans each sampler of its kind of model, and no other', () => {
    for (const sampler of SAMPLER_NAMES) {
      const isFlow = sampler === 'flow-match';
      expect(planSchedule(readSchedulerConfig(isFlow ? FLOW : DDIM), 8, sampler).steps).toHaveLength(8);
      expect(() => planSchedule(readSchedulerConfig(isFlow ? DDIM : FLOW), 8, sampler)).toThrow('no sampler');
    }
    expect(() => planSchedule(readSchedulerConfig(DDIM), 1000)).toThrow('leave the training times');
  });
});
