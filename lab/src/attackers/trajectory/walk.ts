import type { TrajectoryInfo } from '@ogong/engine/interface/trajectory';
import { countPlaces, type PictureChoices } from '@ogong/protocol/modality/trajectory/header';
import {
  advanceLatent,
  type Schedule,
  type ScheduleStep,
  type StepValues,
} from '@ogong/protocol/modality/trajectory/schedule/schedule';
import { planSchedule } from '@ogong/protocol/modality/trajectory/schedule/scheduler-config';
import type { MadePicture } from '@ogong/provider/modality/trajectory/make-picture';

export type Steps = Pick<MadePicture, 'steps' | 'final'>;

/** Values of a step before its output is chosen. */
export interface OpenStep {
  readonly step: number;
  readonly row: ScheduleStep;
  readonly latent: Float32Array;
  readonly before: StepValues | undefined;
}

export const planDeclared = (
  { scheduler, latentScale }: Pick<TrajectoryInfo, 'scheduler' | 'latentScale'>,
  choices: PictureChoices,
): Schedule =>
  planSchedule(scheduler, choices.steps, choices.sampler, { places: countPlaces(choices, { latentScale }) });

/** Walks a schedule from the noise, with outputs that the attacker chooses. All links of the result hold. */
export async function walk(
  { noiseScale, steps: rows }: Schedule,
  noise: Float32Array,
  choose: (at: OpenStep) => Float32Array | Promise<Float32Array>,
): Promise<Steps> {
  const steps: StepValues[] = [];
  let latent: Float32Array = noise.map((value) => value * noiseScale);
  for (const [step, row] of rows.entries()) {
    const before = steps.at(-1);
    const output = await choose({ step, row, latent, before });
    const values = { latent, output };
    latent = advanceLatent(row, values, before);
    steps.push(values);
  }
  return { steps, final: latent };
}

/** Computes the output that leads from a latent to the wanted next one, up to rounding. */
export function fitOutput({ row, latent, before }: OpenStep, wanted: Float32Array): Float32Array {
  return latent.map((value, i) => {
    const history = before
      ? row.latentBefore * (before.latent[i] as number) + row.outputBefore * (before.output[i] as number)
      : 0;
    return ((wanted[i] as number) - row.latent * value - history) / row.output;
  });
}

/** Walks along wanted latents: one for the end of each step. */
export const walkAlong = (schedule: Schedule, noise: Float32Array, wanted: readonly Float32Array[]): Promise<Steps> =>
  walk(schedule, noise, (at) => fitOutput(at, wanted[at.step] as Float32Array));

/** Latents of a picture after each of its steps. */
export const listNextLatents = ({ steps, final }: Steps): Float32Array[] => [
  ...steps.slice(1).map(({ latent }) => latent),
  final,
];

/** Mixes two latents: a at share 0, b at share 1. */
export const mix = (a: Float32Array, b: Float32Array, share: number): Float32Array =>
  a.map((value, i) => value + share * ((b[i] as number) - value));

/** Steps of the last bit of an output that are tried to hit a latent. */
const MOST_TRIES = 4;

/** Computes the output that leads to the wanted latent to the bit, where one of f32 does. */
export function fitExactly(at: OpenStep, wanted: Float32Array): Float32Array {
  const best = fitOutput(at, wanted);
  for (let tries = 1; tries <= MOST_TRIES; tries++)
    for (const offset of [-tries, tries]) {
      const reached = advanceLatent(at.row, { latent: at.latent, output: best }, at.before);
      const moved = moveBits(fitOutput(at, wanted), offset);
      const other = advanceLatent(at.row, { latent: at.latent, output: moved }, at.before);
      for (let i = 0; i < best.length; i++)
        if (reached[i] !== wanted[i] && other[i] === wanted[i]) best[i] = moved[i] as number;
    }
  return best;
}

/** Returns the values that lie so many f32 values away. */
function moveBits(values: Float32Array, offset: number): Float32Array {
  const moved = Float32Array.from(values);
  const bits = new Int32Array(moved.buffer);
  for (let i = 0; i < bits.length; i++) bits[i] = (bits[i] as number) + offset;
  return moved;
}
