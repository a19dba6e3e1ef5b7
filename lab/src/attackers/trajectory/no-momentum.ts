import type { StepGuidance } from '@ogong/protocol/modality/trajectory/guidance-plan';
import { planChosenGuidance } from '@ogong/protocol/modality/trajectory/header';
import { guideStep, joinAnswers } from '@ogong/protocol/modality/trajectory/schedule/momentum';
import { type MadeStep, toEngineRequest, tokenizePrompts } from '@ogong/provider/modality/trajectory/make-picture';
import type { PictureAttack, PictureOrder } from './attack.ts';
import { planDeclared, walk } from './walk.ts';

/** Answers of a step as an attacker commits them, and the guidance that its latents follow. */
type Answer = (
  runStep: (text: 'both' | 'prompt') => Promise<Float32Array>,
  guidance: StepGuidance,
) => Promise<{ readonly committed: Float32Array; readonly used: StepGuidance }>;

/** Makes a picture of which each step commits two answers. */
const makeBy =
  (answer: Answer): PictureAttack['make'] =>
  async ({ sold }, { request, choices, noise }: PictureOrder) => {
    const asked = toEngineRequest(request, choices);
    const alone = { ...asked, guidance: 1, guidancePlan: undefined };
    const guidance = planChosenGuidance(choices, undefined);
    const steps: MadeStep[] = [];
    const { final } = await walk(planDeclared(sold.info(), choices), noise, async ({ step, latent }) => {
      const runStep = async (text: 'both' | 'prompt') =>
        (await sold.runStep(text === 'both' ? asked : alone, { step, latent })).output;
      const { committed, used } = await answer(runStep, guidance[step] as StepGuidance);
      const { output, state } = guideStep(used, committed, steps.at(-1)?.state);
      steps.push({ latent, output: committed, state });
      return output;
    });
    const tokens = await tokenizePrompts(sold, request);
    return { choices, tokens, steps, source: undefined, final, pixels: await sold.decode(final, choices) };
  };

const MOMENTUM = { guidance_momentum: -0.5 };

export const noMomentum: PictureAttack = {
  name: 'momentum-none',
  aim: 'guidance without the requested momentum; both answers of each step are true',
  caughtBy: 'links',
  fields: MOMENTUM,
  make: makeBy(async (runStep, guidance) => ({
    committed: await runStep('both'),
    used: { ...guidance, momentum: 0 },
  })),
};

export const repeatedAnswer: PictureAttack = {
  name: 'momentum-one-pass',
  aim: 'one pass a step in place of two: the answer for the prompt stands for both, with momentum',
  caughtBy: 'equality',
  fields: MOMENTUM,
  make: makeBy(async (runStep, guidance) => {
    const positive = await runStep('prompt');
    return { committed: joinAnswers(positive, positive), used: guidance };
  }),
};
