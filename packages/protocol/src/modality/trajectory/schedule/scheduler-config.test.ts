import { describe, expect, it } from 'vitest';
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
