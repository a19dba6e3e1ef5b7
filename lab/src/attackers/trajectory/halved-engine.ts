import type { TrajectoryEngine } from '@ogong/engine/interface/trajectory';
import { GUIDANCE_ONE } from '@ogong/protocol/modality/trajectory/request';
import { makeFittedHalf } from './fewer-steps.ts';

/**
 * Disguises an engine: it computes half of the declared steps and fits the outputs of all of them (`half-steps-fitted`). It makes
 * pictures of an odd number of steps, and changed pictures, as the sold engine does.
 */
export const halveSteps = (sold: TrajectoryEngine): TrajectoryEngine => ({
  ...sold,
  async *generate(request, { noise, ...options }) {
    const { guidance, ...choices } = request;
    if (choices.steps % 2 === 1 || options.source !== undefined) {
      yield* sold.generate(request, { noise, ...options });
      return;
    }
    const guidanceQ16 = Math.round(guidance * GUIDANCE_ONE);
    const { steps, final } = await makeFittedHalf(
      { sold },
      { request, choices: { ...choices, guidanceQ16, guidancePlan: undefined }, noise },
    );
    for (const [step, values] of steps.entries()) yield { step, ...values };
    yield { step: steps.length, latent: final };
  },
});
