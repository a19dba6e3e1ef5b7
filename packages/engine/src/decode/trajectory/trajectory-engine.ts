import { planGuidance, type StepGuidance } from '@ogong/protocol/modality/trajectory/guidance-plan';
import { guideStep } from '@ogong/protocol/modality/trajectory/schedule/momentum';
import {
  advanceLatent,
  type ScheduleStep,
  type StepValues,
} from '@ogong/protocol/modality/trajectory/schedule/schedule';
import { keepPlaces, startLatent } from '@ogong/protocol/modality/trajectory/schedule/source';
import { EngineError } from '../../interface/engine-error.ts';
import type { TrajectoryEngine, TrajectoryRequest } from '../../interface/trajectory.ts';
import {
  assertPictureSize,
  assertPixels,
  assertSource,
  assertValues,
  countLatentValues,
  planPicture,
} from './picture-check.ts';
import type { DenoiseRequest, TrajectoryCalls } from './trajectory-calls.ts';

const scale = (values: Float32Array, factor: number): Float32Array =>
  factor === 1 ? values : values.map((value) => value * factor);

function toDenoise(
  { prompt, negativePrompt, width, height }: TrajectoryRequest,
  { timestep, inputScale }: ScheduleStep,
  { latent, factor: guidance, momentum }: StepGuidance & { readonly latent: Float32Array },
): DenoiseRequest {
  const input = scale(latent, inputScale);
  const both = momentum === undefined ? {} : { both: true };
  return { prompt, negativePrompt, guidance, ...both, width, height, timestep, input };
}

/**
 * Makes an engine of a loaded model. The loop over the steps runs here and calls the model once a step. A reader that pauses stops the
 * loop, so no outputs pile up.
 */
export function createTrajectoryEngine(model: TrajectoryCalls): TrajectoryEngine {
  return {
    specificationVersion: 'trajectory-v1',
    info: () => model.info(),

    async *generate(request, { noise: given, source: givenSource, latent: first, signal }) {
      const info = model.info();
      const schedule = planPicture(request, info);
      const count = countLatentValues(request, info);
      assertValues(given, { count, name: 'noise' });
      if (givenSource !== undefined) assertSource(givenSource, { count, places: count / info.latentChannels });
      if (first !== undefined) assertValues(first, { count, name: 'latent' });
      // Copies: the caller's arrays may change while the steps are computed.
      const noise = given.slice();
      const source = givenSource && { latent: givenSource.latent.slice(), mask: givenSource.mask?.slice() };
      let latent = first?.slice() ?? startLatent(schedule, noise, source);
      let before: StepValues | undefined;
      let state: Float32Array | undefined;
      const guidance = planGuidance(request);
      const { steps } = schedule;
      for (const [step, row] of steps.entries()) {
        const guided = guidance[step] as StepGuidance;
        const { output } = await model.denoise(toDenoise(request, row, { latent, ...guided }), signal);
        yield { step, latent, output };
        const made = guideStep(guided, output, state);
        state = made.state;
        const values = { latent, output: made.output };
        latent = keepPlaces(advanceLatent(row, values, before), schedule, { index: step + 1, noise, source });
        before = values;
      }
      yield { step: steps.length, latent };
    },

    async runStep(request, { step, latent }, { signal, numericClass } = {}) {
      const info = model.info();
      const row = planPicture(request, info).steps[step];
      if (row === undefined)
        throw new EngineError(
          'invalid-request',
          `step ${step} of ${planPicture(request, info).steps.length}; the first is step 0`,
        );
      assertValues(latent, { count: countLatentValues(request, info), name: 'latent' });
      const call = toDenoise(request, row, { latent, ...(planGuidance(request)[step] as StepGuidance) });
      return model.denoise(numericClass === undefined ? call : { ...call, numericClass }, signal);
    },

    async decode(latent, { width, height }, { signal, numericClass } = {}) {
      const info = model.info();
      assertPictureSize({ width, height }, info);
      assertValues(latent, { count: countLatentValues({ width, height }, info), name: 'latent' });
      return model.decode({ width, height, latent, ...(numericClass === undefined ? {} : { numericClass }) }, signal);
    },

    async encode(pixels, { width, height }, { signal, numericClass } = {}) {
      const info = model.info();
      if (!info.canEdit) throw new EngineError('invalid-request', 'the model has no encoder of pictures');
      assertPictureSize({ width, height }, info);
      assertPixels(pixels, { width, height });
      return model.encode({ width, height, pixels, ...(numericClass === undefined ? {} : { numericClass }) }, signal);
    },

    tokenize: (prompt) => model.tokenize(prompt),
    close: () => model.close(),
  };
}
