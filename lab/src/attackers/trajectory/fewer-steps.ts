import { type MadePicture, toEngineRequest, tokenizePrompts } from '@ogong/provider/modality/trajectory/make-picture';
import { type MakeInputs, makeHonestly, type PictureAttack, type PictureMeans } from './attack.ts';
import { listNextLatents, mix, planDeclared, walk, walkAlong } from './walk.ts';

/** Makes the picture in half of the declared steps. */
const makeInHalf = ({ sold }: Pick<PictureMeans, 'sold'>, order: MakeInputs) =>
  makeHonestly(sold, { ...order, choices: { ...order.choices, steps: order.choices.steps / 2 } });

export const halfSteps: PictureAttack = {
  name: 'half-steps',
  aim: 'half of the steps; each is committed twice, so that the number is the declared one',
  caughtBy: 'links',
  async make(means, order) {
    const made = await makeInHalf(means, order);
    return { ...made, choices: order.choices, steps: made.steps.flatMap((step) => [step, step]) };
  },
};

/** Makes the picture in half of the declared steps, with outputs that lead to latents on the way between them. */
export async function makeFittedHalf(means: Pick<PictureMeans, 'sold'>, order: MakeInputs): Promise<MadePicture> {
  const made = await makeInHalf(means, order);
  const wanted = listNextLatents(made).flatMap((next, i) => [
    mix((made.steps[i] as (typeof made.steps)[number]).latent, next, 0.5),
    next,
  ]);
  const { choices, noise } = order;
  const walked = await walkAlong(planDeclared(means.sold.info(), choices), noise, wanted);
  // The picture is that of the latent which the fitted outputs lead to.
  const pixels = await means.sold.decode(walked.final, choices);
  return { ...made, ...walked, choices, pixels };
}

export const fittedHalfSteps: PictureAttack = {
  name: 'half-steps-fitted',
  aim: 'half of the steps; outputs are fitted to latents on the way between them, so all links hold',
  caughtBy: 'equality',
  make: makeFittedHalf,
};

/** Computes the steps that `isComputed` names, and repeats the last output for the others. */
const repeatOutputs = (
  name: string,
  aim: string,
  isComputed: (step: number, steps: number) => boolean,
): PictureAttack => ({
  name,
  aim,
  caughtBy: 'equality',
  isPartial: true,
  async make({ sold }, { request, choices, noise }) {
    const asked = toEngineRequest(request, choices);
    const walked = await walk(planDeclared(sold.info(), choices), noise, async ({ step, latent, before }) => {
      if (before !== undefined && !isComputed(step, choices.steps)) return before.output;
      return (await sold.runStep(asked, { step, latent })).output;
    });
    const tokens = await tokenizePrompts(sold, request);
    return { ...walked, choices, tokens, source: undefined, pixels: await sold.decode(walked.final, choices) };
  },
});

export const repeatedHalf = repeatOutputs(
  'repeated-half',
  'each second step; its output is committed for the next one, too',
  (step) => step % 2 === 0,
);

export const repeatedTenth = repeatOutputs(
  'repeated-tenth',
  'all steps but a tenth of them',
  (step, steps) => step % 10 !== Math.min(9, steps - 1),
);
