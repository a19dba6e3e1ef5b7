import { expect, it } from 'vitest';
import vectors from '../../../../vectors/schedule.json' with { type: 'json' };
import { fromHex } from '../../../base/bytes.ts';
import { nobleCrypto as crypto } from '../../../crypto/noble.ts';
import { createLatentNoise } from '../noise.ts';
import { advanceLatent } from './schedule.ts';
import { planSchedule, readSchedulerConfig } from './scheduler-config.ts';

it('schedules, noise and steps match the vectors to the bit', () => {
  const noise = createLatentNoise(crypto, fromHex(vectors.noise.key, 32), vectors.noise.values.length);
  expect(Array.from(noise)).toEqual(vectors.noise.values);
  for (const { config, steps, isEven, places, schedule } of vectors.plans) {
    const read = readSchedulerConfig(config, isEven);
    expect(planSchedule(read, steps, read.sampler, { places })).toEqual(schedule);
  }
  const { plan, index, next } = vectors.step;
  const [latent, output, ...before] = [0, 8, 16, 24].map((at) => noise.subarray(at, at + 8)) as [
    ...[Float32Array, Float32Array, Float32Array, Float32Array],
  ];
  const values = { latent: before[0] as Float32Array, output: before[1] as Float32Array };
  const step = vectors.plans[plan]?.schedule.steps[index];
  expect(Array.from(advanceLatent(step!, { latent, output }, values))).toEqual(next);
});
