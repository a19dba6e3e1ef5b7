import { EngineError } from '@ogong/engine/interface/engine-error';
import type { TrajectoryEngine, TrajectoryRequest } from '@ogong/engine/interface/trajectory';
import { encodeValues } from '@ogong/protocol/modality/shared/values';
import { countAnswers, planGuidance, type StepGuidance } from '@ogong/protocol/modality/trajectory/guidance-plan';
import { countPlaces, type PictureChoices } from '@ogong/protocol/modality/trajectory/header';
import { PIXEL_BYTES, type PictureSize } from '@ogong/protocol/modality/trajectory/picture-size';
import { listPreviewSteps } from '@ogong/protocol/modality/trajectory/previews';
import { areSame } from '@ogong/protocol/modality/trajectory/projection';
import type { PictureTokens } from '@ogong/protocol/modality/trajectory/prompt-tokens';
import { GUIDANCE_ONE, type PictureRequest } from '@ogong/protocol/modality/trajectory/request';
import { countLeftOut, type PartRun, type RequestSource } from '@ogong/protocol/modality/trajectory/request-picture';
import { guideStep } from '@ogong/protocol/modality/trajectory/schedule/momentum';
import {
  advanceLatent,
  estimateClean,
  type LinearForm,
  type Schedule,
  type StepValues,
} from '@ogong/protocol/modality/trajectory/schedule/schedule';
import { planSchedule } from '@ogong/protocol/modality/trajectory/schedule/scheduler-config';
import { keepPlaces, type LatentSource, startLatent } from '@ogong/protocol/modality/trajectory/schedule/source';
import { answersLatent, type RequestRange } from '@ogong/protocol/modality/trajectory/step-range';
import type { SourcePixels } from './read-source.ts';

/** A computed step. */
export interface MadeStep {
  readonly latent: Float32Array;
  /** As it is committed: after guidance, or both answers of a step with momentum. */
  readonly output: Float32Array;
  /** The momentum after the step; undefined for a step without it. */
  readonly state?: Float32Array | undefined;
}

/** A picture with the values of all steps. */
export interface MadePicture {
  readonly choices: PictureChoices;
  readonly tokens: PictureTokens;
  readonly steps: readonly MadeStep[];
  /** The picture to change; undefined for a picture from noise alone. */
  readonly source: EncodedSource | undefined;
  /** The part of the steps that ran. Default: all. */
  readonly range?: RequestRange | undefined;
  /** The latent that was decoded, or that a link answers with. */
  readonly final: Float32Array;
  /** RGB8, row by row; the values of the last latent for a link that ends before the last step. */
  readonly pixels: Uint8Array;
}

/** A computed step of a picture. */
export interface PassedStep {
  /** Computed steps, from 1. */
  readonly step: number;
  readonly steps: number;
  /** An estimate of the picture, RGB8 row by row, after a step that shows one. It is no part of any proof. */
  readonly preview: Uint8Array | undefined;
}

/** The reader of the steps. */
export interface StepReader {
  /** Previews that it wants, spread evenly over the steps. */
  readonly previews: number;
  /** False while it still reads the step before: then this one goes without a preview. */
  isIdle(): boolean;
  read(step: PassedStep): void | Promise<void>;
}

/** A picture to change, as the model reads it. */
export interface EncodedSource extends LatentSource {
  readonly strengthQ16: number;
  /** References of the files, as the request has them. */
  readonly files: Pick<RequestSource, 'picture' | 'mask'>;
}

type Prompts = Pick<PictureRequest, 'prompt' | 'negativePrompt'>;

/** Returns the request that an engine reads. The guidance is the committed one, so that a verifier computes with the same number. */
export const toEngineRequest = (
  { prompt, negativePrompt }: Prompts,
  { width, height, steps, guidanceQ16, sampler, guidancePlan }: PictureChoices,
  part?: PartRun,
): TrajectoryRequest => ({
  ...{ prompt, negativePrompt, width, height, steps, sampler, leftOut: countLeftOut(steps, part) },
  ...(part && 'lastStep' in part && { lastStep: part.lastStep }),
  guidance: guidanceQ16 / GUIDANCE_ONE,
  guidancePlan,
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
 * @param input of `readSource`.
 * @param latent of `readLatent`: the first one of a later link of a chain.
 * @param options.noise of the draw key, not scaled.
 * @param options.reader receives each step once it is computed. Default: nobody reads.
 * @throws EngineError, also for an engine whose latents do not follow from its outputs as the protocol computes them: nobody could replay
 * its links.
 */
export async function makePicture(
  engine: TrajectoryEngine,
  {
    request,
    choices,
    input,
    latent: first,
  }: {
    readonly request: Prompts & Partial<Pick<PictureRequest, 'source' | 'range'>>;
    readonly choices: PictureChoices;
    readonly input?: SourcePixels | undefined;
    readonly latent?: Float32Array | undefined;
  },
  {
    noise,
    signal,
    reader,
  }: { readonly noise: Float32Array; readonly signal: AbortSignal; readonly reader?: StepReader | undefined },
): Promise<MadePicture> {
  const tokens = await tokenizePrompts(engine, request);
  const source = await encodeSource(engine, request, { input, size: choices, signal });
  const { range } = request;
  const asked = toEngineRequest(request, choices, source ?? range);
  const schedule = planSchedule(engine.info().scheduler, choices.steps, choices.sampler, {
    firstStep: asked.leftOut,
    lastStep: range?.lastStep,
    places: countPlaces(choices, engine.info()),
  });
  const follow = createFollower(schedule, { noise, source, first, guidance: planGuidance(asked) });
  // The steps of a link count as those of the whole picture.
  const before = range?.firstStep ?? 0;
  const shownSteps = range === undefined ? schedule.steps.length : choices.steps;
  const due = listPreviewSteps(shownSteps, reader?.previews ?? 0);
  for await (const { step, latent, output } of engine.generate(asked, { noise, source, latent: first, signal })) {
    const guided = follow.add(step, latent, output);
    if (signal.aborted) throw new EngineError('cancelled', 'the picture was cancelled');
    if (guided === undefined || reader === undefined) continue;
    const isShown = due.includes(before + step + 1) && reader.isIdle();
    const preview = isShown
      ? await decodePreview(engine, estimateClean(schedule.estimates[step] as LinearForm, { latent, output: guided }), {
          ...{ size: choices, signal },
        })
      : undefined;
    await reader.read({ step: before + step + 1, steps: shownSteps, preview });
  }
  const { steps, final } = follow.finish();
  const made = { choices, tokens, source, range, steps, final };
  if (answersLatent(choices.steps, range)) return { ...made, pixels: encodeValues(final) };
  const pixels = await engine.decode(final, choices, { signal });
  const bytes = choices.width * choices.height * PIXEL_BYTES;
  if (pixels.length !== bytes) throw fail(`the picture has ${pixels.length} bytes, not ${bytes}`);
  return { ...made, pixels };
}

async function encodeSource(
  engine: Pick<TrajectoryEngine, 'encode'>,
  { source }: Partial<Pick<PictureRequest, 'source'>>,
  {
    input,
    size,
    signal,
  }: { readonly input: SourcePixels | undefined; readonly size: PictureSize; readonly signal: AbortSignal },
): Promise<EncodedSource | undefined> {
  if (source === undefined || input === undefined) return undefined;
  const { strengthQ16, picture, mask } = source;
  const { latent } = await engine.encode(input.pixels, size, { signal });
  return { strengthQ16, latent: latent.slice(), mask: input.mask, files: { picture, mask } };
}

/** @returns undefined for an estimate that is no latent: early steps divide by small numbers. */
async function decodePreview(
  engine: Pick<TrajectoryEngine, 'decode'>,
  estimate: Float32Array,
  { size, signal }: { readonly size: PictureSize; readonly signal: AbortSignal },
): Promise<Uint8Array | undefined> {
  return estimate.every(Number.isFinite) ? engine.decode(estimate, size, { signal }) : undefined;
}

/** Follows an engine's steps with the protocol's own arithmetic. */
function createFollower(
  schedule: Schedule,
  {
    noise,
    source,
    first,
    guidance,
  }: {
    readonly noise: Float32Array;
    readonly source: LatentSource | undefined;
    readonly first: Float32Array | undefined;
    readonly guidance: readonly StepGuidance[];
  },
) {
  const { steps: rows } = schedule;
  const steps: MadeStep[] = [];
  /** The step before, with its guided output. */
  let before: StepValues | undefined;
  let next = first ?? startLatent(schedule, noise, source);
  let isOver = false;
  return {
    /** @returns the output after guidance; undefined after the last step. */
    add(step: number, latent: Float32Array, output: Float32Array | undefined): Float32Array | undefined {
      if (step !== steps.length || isOver) throw fail(`step ${step} came, and step ${steps.length} was due`);
      if (!areSame(latent, next)) throw fail(`latent ${step} does not follow from the step before`);
      const row = rows[step];
      if ((row === undefined) !== (output === undefined))
        throw fail(`step ${step} of ${rows.length} has ${output ? 'an' : 'no'} output`);
      if (row === undefined || output === undefined) {
        isOver = true;
        return undefined;
      }
      const guided = guidance[step] as StepGuidance;
      assertOutput(output, { step, count: next.length * countAnswers(guided) });
      const committed = Float32Array.from(output);
      const { output: made, state } = guideStep(guided, committed, steps.at(-1)?.state);
      const values = { latent: next, output: made };
      const moved = advanceLatent(row, values, before);
      steps.push({ latent: next, output: committed, state });
      before = values;
      next = keepPlaces(moved, schedule, { index: steps.length, noise, source });
      if (![next, state].every((values) => values === undefined || values.every(Number.isFinite)))
        throw fail(`latent ${steps.length} has a value that is not finite`);
      return made;
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
