import { ProtocolError } from '../../../base/bytes.ts';

/** The most steps of a trajectory. */
export const MAX_STEPS = 1_000;

/**
 * One step of a sampler. Every supported sampler is linear in latents and outputs of the model, so a step is a row of factors:
 *
 *     next = latent * z + output * v + latentBefore * z' + outputBefore * v'
 *
 * z is the latent, v the model's output after guidance, z' and v' those of the step before. All factors are doubles that need only
 * + - * / and square roots, so every implementation computes the same (docs/spec/schedule.md).
 */
export interface ScheduleStep {
  /** Time that the model reads. */
  readonly timestep: number;
  /** The model reads the latent times this factor. */
  readonly inputScale: number;
  readonly latent: number;
  readonly output: number;
  /** 0 for a method of one step. */
  readonly latentBefore: number;
  /** 0 for a method of one step. */
  readonly outputBefore: number;
}

/** Share of signal and noise in a latent: z = alpha * clean + sigma * noise. */
export interface SignalAndNoise {
  readonly alpha: number;
  readonly sigma: number;
}

/** Factors by which latent and output of a model make another quantity: `latent * z + output * v`. */
export interface LinearForm {
  readonly latent: number;
  readonly output: number;
}

export interface Schedule {
  /** The first latent is the noise times this factor. */
  readonly noiseScale: number;
  readonly steps: readonly ScheduleStep[];
  /** Shares of a clean latent and of noise in the latent that each step begins with. The last shares are those after all steps, 1 and 0. */
  readonly mixes: readonly SignalAndNoise[];
  /** The clean latent that the output of each step stands for. Previews show it; no commitment depends on it. */
  readonly estimates: readonly LinearForm[];
}

/**
 * Mixes a clean latent with noise, in doubles, rounded to f32 at the end of each value.
 * @throws ProtocolError `malformed` if the lengths differ.
 */
export function mixLatent({ alpha, sigma }: SignalAndNoise, clean: Float32Array, noise: Float32Array): Float32Array {
  if (clean.length !== noise.length)
    throw new ProtocolError('malformed', `a latent of ${clean.length} values, and noise of ${noise.length}`);
  return clean.map((value, i) => alpha * value + sigma * (noise[i] as number));
}

/** Computes the clean latent that an output stands for. */
export const estimateClean = ({ latent: a, output: b }: LinearForm, { latent, output }: StepValues): Float32Array =>
  latent.map((value, i) => a * value + b * (output[i] as number));

/** A latent with the output that the model gave for it. */
export interface StepValues {
  readonly latent: Float32Array;
  readonly output: Float32Array;
}

/**
 * Computes the next latent in doubles, rounded to f32 at the end of each value.
 * @param before values of the step before. The first step has none.
 * @throws ProtocolError `malformed` if the lengths differ, or if a step of two steps has no step before.
 */
export function advanceLatent(step: ScheduleStep, { latent, output }: StepValues, before?: StepValues): Float32Array {
  const hasHistory = step.latentBefore !== 0 || step.outputBefore !== 0;
  if (hasHistory && before === undefined) throw new ProtocolError('malformed', 'the step needs the one before');
  const lengths = [output.length, ...(before ? [before.latent.length, before.output.length] : [])];
  if (lengths.some((length) => length !== latent.length)) {
    throw new ProtocolError('malformed', `a latent of ${latent.length} values, and others of ${lengths.join(', ')}`);
  }
  const next = new Float32Array(latent.length);
  const { latent: a, output: b, latentBefore: c, outputBefore: d } = step;
  if (!hasHistory || before === undefined) {
    for (let i = 0; i < next.length; i++) next[i] = a * (latent[i] as number) + b * (output[i] as number);
    return next;
  }
  const { latent: latentBefore, output: outputBefore } = before;
  for (let i = 0; i < next.length; i++) {
    const value = a * (latent[i] as number) + b * (output[i] as number);
    next[i] = value + c * (latentBefore[i] as number) + d * (outputBefore[i] as number);
  }
  return next;
}

/** @throws ProtocolError `out-of-range` unless the number of steps is an integer in 1..most. */
export function assertSteps(steps: number, most: number): void {
  const limit = Math.min(most, MAX_STEPS);
  if (!Number.isInteger(steps) || steps < 1 || steps > limit)
    throw new ProtocolError('out-of-range', `${steps} steps; possible are 1 to ${limit}`);
}
