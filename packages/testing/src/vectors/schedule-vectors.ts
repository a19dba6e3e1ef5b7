import { toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { createLatentNoise } from '@ogong/protocol/modality/trajectory/noise';
import { advanceLatent } from '@ogong/protocol/modality/trajectory/schedule/schedule';
import { planSchedule, readSchedulerConfig } from '@ogong/protocol/modality/trajectory/schedule/scheduler-config';

const DIFFUSION = {
  ...{ num_train_timesteps: 1000, beta_start: 0.00085, beta_end: 0.012, beta_schedule: 'scaled_linear' },
  ...{ clip_sample: false, steps_offset: 1 },
};
/** A configuration, steps, and whether the pipeline gives times of its own. */
type Case = readonly [config: Readonly<Record<string, unknown>>, steps: number, isEven?: boolean];
/** Places of a latent, for schedules that depend on the size of the picture. */
const PLACES = 4_096;
const CASES: readonly Case[] = [
  [{ ...DIFFUSION, _class_name: 'DDIMScheduler', timestep_spacing: 'leading', set_alpha_to_one: false }, 4],
  [{ ...DIFFUSION, _class_name: 'DDIMScheduler', timestep_spacing: 'trailing', prediction_type: 'v_prediction' }, 5],
  [{ ...DIFFUSION, _class_name: 'EulerDiscreteScheduler', timestep_spacing: 'leading' }, 3],
  [{ ...DIFFUSION, _class_name: 'EulerDiscreteScheduler', timestep_spacing: 'linspace', beta_schedule: 'linear' }, 4],
  [{ ...DIFFUSION, _class_name: 'DPMSolverMultistepScheduler', timestep_spacing: 'linspace' }, 5],
  [{ ...DIFFUSION, _class_name: 'DPMSolverMultistepScheduler', prediction_type: 'sample' }, 3],
  [{ _class_name: 'FlowMatchEulerDiscreteScheduler', num_train_timesteps: 1000, shift: 1 }, 4],
  [{ _class_name: 'FlowMatchEulerDiscreteScheduler', num_train_timesteps: 1000, shift: 3 }, 1],
  [{ _class_name: 'FlowMatchEulerDiscreteScheduler', num_train_timesteps: 1000, shift: 1 }, 4, true],
  [{ _class_name: 'FlowMatchEulerDiscreteScheduler', num_train_timesteps: 1000, use_dynamic_shifting: true }, 4, true],
];

/** Creates schedules with all their factors, noise of a key, and one step in f32. Numbers have all digits of a double. */
export function createScheduleVectors(crypto: Crypto) {
  const key = new Uint8Array(32).fill(9);
  const noise = createLatentNoise(crypto, key, 40);
  const plans = CASES.map(([config, steps, isEven = false]) => {
    const read = readSchedulerConfig(config, isEven);
    const places = PLACES;
    return { config, steps, isEven, places, schedule: planSchedule(read, steps, read.sampler, { places }) };
  });
  const [latent, output] = [noise.subarray(0, 8), noise.subarray(8, 16)];
  const before = { latent: noise.subarray(16, 24), output: noise.subarray(24, 32) };
  const step = plans[4]?.schedule.steps[2];
  if (step === undefined) throw new Error('the fifth plan has a third step');
  const next = advanceLatent(step, { latent, output }, before);
  return {
    noise: { key: toHex(key), values: Array.from(noise) },
    plans,
    // Eight values each of the noise above, from 0, 8, 16 and 24 on: latent, output, and those of the step before.
    step: { plan: 4, index: 2, next: Array.from(next) },
  };
}
