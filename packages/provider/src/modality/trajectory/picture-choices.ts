import type { TrajectoryInfo } from '@ogong/engine/interface/trajectory';
import { ProtocolError } from '@ogong/protocol/base/bytes';
import { MAX_LATENT_BYTES, MAX_REPLAY_BYTES } from '@ogong/protocol/exchange/limits';
import { toFixed } from '@ogong/protocol/modality/shared/request-fields';
import { VALUE_BYTES } from '@ogong/protocol/modality/shared/values';
import { hasMomentum, NEEDS_GUIDANCE } from '@ogong/protocol/modality/trajectory/guidance-plan';
import {
  countLatentValues,
  countOutputs,
  countPlaces,
  countReplayBytes,
  type PictureChoices,
  type PictureModelFacts,
} from '@ogong/protocol/modality/trajectory/header';
import { countUnits, MAX_PIXELS, MAX_STEPS_ASKED } from '@ogong/protocol/modality/trajectory/picture-size';
import {
  type AskedPicture,
  boundUnits,
  GUIDANCE_ONE,
  type PictureRequest,
} from '@ogong/protocol/modality/trajectory/request';
import { countRun } from '@ogong/protocol/modality/trajectory/request-picture';
import { planSchedule } from '@ogong/protocol/modality/trajectory/schedule/scheduler-config';
import { findHiddenChoiceProblem } from './whole-picture.ts';

/** The reason why a model does not make a picture, and what to do. */
export interface ChoiceProblem {
  readonly message: string;
  /** The field of the request. */
  readonly param: string;
  /** True if another machine may make the picture with the same model. */
  readonly isLimit?: true;
}

/** Returns the model's properties as a header states them. */
export const listFacts = ({ latentChannels, latentScale, scheduler }: TrajectoryInfo): PictureModelFacts => ({
  latentChannels,
  latentScale,
  scheduler,
});

/** Fills the choices that a request leaves to the model. */
export function resolveChoices(
  {
    size,
    steps,
    guidanceQ16,
    sampler,
    guidancePlan,
  }: Pick<AskedPicture, 'size' | 'steps' | 'guidanceQ16' | 'sampler' | 'guidancePlan'>,
  info: TrajectoryInfo,
): PictureChoices {
  const { width, height } = size ?? info.size;
  return {
    ...{ width, height },
    steps: steps ?? info.steps,
    guidanceQ16: guidanceQ16 ?? toFixed(info.guidance, GUIDANCE_ONE),
    sampler: sampler ?? info.scheduler.sampler,
    guidancePlan,
  };
}

/** Explains why a model does not make the picture of a request; undefined if it does. */
export function findChoiceProblem(
  request: Pick<
    PictureRequest,
    'negativePrompt' | 'size' | 'steps' | 'guidanceQ16' | 'sampler' | 'guidancePlan' | 'source' | 'range'
  >,
  info: TrajectoryInfo,
): ChoiceProblem | undefined {
  if (request.negativePrompt !== '' && !info.hasNegative)
    return { message: 'this model reads no negative prompt; leave it out', param: 'negative_prompt' };
  if (request.source !== undefined && !info.canEdit)
    return { message: 'this model has no encoder, so it changes no pictures; choose another model', param: 'image' };
  const hidden = findHiddenChoiceProblem(request, info);
  if (hidden !== undefined) return hidden;
  const choices = resolveChoices(request, info);
  return (
    findGuidanceProblem(choices, info) ??
    findSizeProblem(choices, info) ??
    findScheduleProblem(choices, info) ??
    findExtentProblem(request, choices, info)
  );
}

function findGuidanceProblem(
  { guidancePlan, guidanceQ16 }: PictureChoices,
  info: TrajectoryInfo,
): ChoiceProblem | undefined {
  if (guidancePlan === undefined) return undefined;
  const param = hasMomentum(guidancePlan) ? 'guidance_momentum' : 'guidance_start';
  if (!info.hasNegative) {
    const message = 'this model has no negative prompt, so its guidance has no window and no momentum; leave them out';
    return { message, param };
  }
  if (!hasMomentum(guidancePlan) || guidanceQ16 > GUIDANCE_ONE) return undefined;
  return { message: `${NEEDS_GUIDANCE}; send guidance`, param };
}

function findSizeProblem({ width, height }: PictureChoices, info: TrajectoryInfo): ChoiceProblem | undefined {
  const { size, hasFixedSize, sizeStep, mostPixels } = info;
  const own = `${size.width}x${size.height}`;
  const hint = `leave size out or send size ${own}`;
  const param = 'size';
  if (hasFixedSize && (width !== size.width || height !== size.height))
    return { message: `this model makes pictures of ${own}; ${hint}`, param };
  if (width % sizeStep !== 0 || height % sizeStep !== 0) {
    const problem = `this model makes pictures with sides that are multiples of ${sizeStep} pixels, not ${width}x${height}`;
    return { message: `${problem}; ${hint}`, param };
  }
  const most = Math.min(mostPixels, MAX_PIXELS);
  if (width * height <= most) return undefined;
  const problem = `${width}x${height} are ${width * height} pixels, and at most ${most} are made here`;
  return { message: `${problem}; send a smaller size`, param, isLimit: true };
}

function findScheduleProblem(choices: PictureChoices, info: TrajectoryInfo): ChoiceProblem | undefined {
  const { steps, sampler } = choices;
  const { scheduler } = info;
  try {
    planSchedule(scheduler, steps, sampler, { places: countPlaces(choices, info) });
    return undefined;
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    const isOfSampler = (sampler === 'flow-match') !== (scheduler.sampler === 'flow-match');
    return isOfSampler
      ? { message: `${error.message}; leave sampler out or send sampler ${scheduler.sampler}`, param: 'sampler' }
      : { message: `${error.message}; leave steps out or send steps ${info.steps}`, param: 'steps' };
  }
}

/** Checks the sizes that grow with the number of steps. */
function findExtentProblem(
  request: Pick<AskedPicture, 'size' | 'steps' | 'source' | 'range'>,
  choices: PictureChoices,
  info: TrajectoryInfo,
): ChoiceProblem | undefined {
  const { steps } = choices;
  const part = request.source ?? request.range;
  if (steps > MAX_STEPS_ASKED)
    return { message: `at most ${MAX_STEPS_ASKED} steps are made, not ${steps}; send steps`, param: 'steps' };
  const values = countLatentValues(choices, info);
  if (values * VALUE_BYTES > MAX_LATENT_BYTES)
    return { message: 'a picture of this size cannot be checked here; send a smaller size', param: 'size' };
  const outputs = countOutputs(choices, part);
  if (countReplayBytes(outputs, values, part) > MAX_REPLAY_BYTES) {
    const most = Math.floor(MAX_REPLAY_BYTES / (values * VALUE_BYTES));
    if (outputs > countRun(steps, part)) {
      const message = `a picture of this size commits at most ${most} answers, and with guidance_momentum ${outputs}`;
      return { message: `${message}; send fewer steps`, param: 'steps' };
    }
    return { message: `a picture of this size is made in at most ${most} steps, not ${steps}`, param: 'steps' };
  }
  const units = countUnits(choices, countRun(steps, part));
  const bound = boundUnits(request);
  if (units <= bound) return undefined;
  const problem = `this model makes the picture in ${steps} steps, ${units} units, and the request bills at most ${bound}`;
  return { message: `${problem}; send steps and size`, param: 'steps' };
}
