import { EngineError } from '@ogong/engine/interface/engine-error';
import type { TrajectoryEngine, TrajectoryRequest } from '@ogong/engine/interface/trajectory';
import type { PictureChoices } from '@ogong/protocol/modality/trajectory/header';
import { PIXEL_BYTES } from '@ogong/protocol/modality/trajectory/picture-size';
import { areSame } from '@ogong/protocol/modality/trajectory/projection';
import type { PictureTokens } from '@ogong/protocol/modality/trajectory/prompt-tokens';
import { GUIDANCE_ONE, type PictureRequest } from '@ogong/protocol/modality/trajectory/request';
import { advanceLatent, type Schedule, type StepValues } from '@ogong/protocol/modality/trajectory/schedule/schedule';
import { planSchedule } from '@ogong/protocol/modality/trajectory/schedule/scheduler-config';

/** A picture with the values of all steps. */
export interface MadePicture {
  readonly choices: PictureChoices;
  readonly tokens: PictureTokens;
  readonly steps: readonly StepValues[];
  /** The latent that was decoded. */
  readonly final: Float32Array;
  /** RGB8, row by row. */
  readonly pixels: Uint8Array;
}

type Prompts = Pick<PictureRequest, 'prompt' | 'negativePrompt'>;

/** Returns the request that an engine reads. The guidance is the committed one, so that a verifier computes with the same number. */
export const toEngineRequest = (
  { prompt, negativePrompt }: Prompts,
  { width, height, steps, guidanceQ16, sampler }: PictureChoices,
): TrajectoryRequest => ({
  ...{ prompt, negativePrompt, width, height, steps, sampler },
  guidance: guidanceQ16 / GUIDANCE_ONE,
});

/** @throws EngineError */
export const tokenizePrompts = async (
  engine: Pick<TrajectoryEngine, 'tokenize'>,
  { prompt, negativePrompt }: Prompts,
): Promise<PictureTokens> => ({
  prompt: await engine.tokenize(prompt),
  negative: negativePrompt === '' ? new Uint32Array() : await engine.tokenize(negativePrompt),
});

/**
 * Makes a picture.
 * @param options.noise of the draw key, not scaled.
 * @throws EngineError, also for an engine whose latents do not follow from its outputs as the protocol computes them: nobody could replay
 * its links.
 */
export async function makePicture(
  engine: TrajectoryEngine,
  { request, choices }: { readonly request: Prompts; readonly choices: PictureChoices },
  { noise, signal }: { readonly noise: Float32Array; readonly signal: AbortSignal },
): Promise<MadePicture> {
  const tokens = await tokenizePrompts(engine, request);
  const schedule = planSchedule(engine.info().scheduler, choices.steps, choices.sampler);
  const follow = createFollower(schedule, noise);
  for await (const { step, latent, output } of engine.generate(toEngineRequest(request, choices), { noise, signal })) {
    follow.add(step, latent, output);
    if (signal.aborted) throw new EngineError('cancelled', 'the picture was cancelled');
  }
  const { steps, final } = follow.finish();
  const pixels = await engine.decode(final, choices, { signal });
  const bytes = choices.width * choices.height * PIXEL_BYTES;
  if (pixels.length !== bytes) throw fail(`the picture has ${pixels.length} bytes, not ${bytes}`);
  return { choices, tokens, steps, final, pixels };
}

/** Follows an engine's steps with the protocol's own arithmetic. */
function createFollower({ noiseScale, steps: rows }: Schedule, noise: Float32Array) {
  const steps: StepValues[] = [];
  let next: Float32Array = noise.map((value) => value * noiseScale);
  let isOver = false;
  return {
    add(step: number, latent: Float32Array, output: Float32Array | undefined): void {
      if (step !== steps.length || isOver) throw fail(`step ${step} came, and step ${steps.length} was due`);
      if (!areSame(latent, next)) throw fail(`latent ${step} does not follow from the step before`);
      const row = rows[step];
      if ((row === undefined) !== (output === undefined))
        throw fail(`step ${step} of ${rows.length} has ${output ? 'an' : 'no'} output`);
      if (row === undefined || output === undefined) {
        isOver = true;
        return;
      }
      assertOutput(output, { step, count: next.length });
      const values = { latent: next, output: Float32Array.from(output) };
      next = advanceLatent(row, values, steps.at(-1));
      steps.push(values);
      if (!next.every(Number.isFinite)) throw fail(`latent ${steps.length} has a value that is not finite`);
    },
    finish() {
      if (!isOver) throw fail(`${steps.length} of ${rows.length} steps came`);
      return { steps, final: next };
    },
  };
}

/** @throws EngineError if a model's output is none. */
export function assertOutput(
  output: Float32Array,
  { step, count }: { readonly step: number; readonly count: number },
): void {
  if (output.length !== count) throw fail(`the output of step ${step} has ${output.length} values, not ${count}`);
  const at = output.findIndex((value) => !Number.isFinite(value));
  if (at >= 0) throw fail(`value ${at} of the output of step ${step} is ${output[at]}`);
}

const fail = (problem: string): EngineError =>
  new EngineError('engine-crashed', `the model computed no picture: ${problem}`);
