import { areSame } from '@ogong/protocol/modality/trajectory/projection';
import type { MadePicture } from '@ogong/provider/modality/trajectory/make-picture';
import { makeHonestly, type PictureAttack, type PictureMeans, type PictureOrder } from './attack.ts';
import { fitExactly, listNextLatents, mix, planDeclared, walk, walkAlong } from './walk.ts';

/** Makes the picture of an earlier order with the same prompt. */
const makeEarlier = ({ sold }: PictureMeans, order: PictureOrder): Promise<MadePicture> =>
  makeHonestly(sold, { ...order, noise: order.earlierNoise });

export const cachedPicture: PictureAttack = {
  name: 'cached',
  aim: 'the picture of an earlier order with its steps, for no work',
  caughtBy: 'links',
  make: makeEarlier,
};

export const fittedCache: PictureAttack = {
  name: 'cached-fitted',
  aim: 'the picture of an earlier order; outputs lead from the new noise straight to its latent',
  caughtBy: 'equality',
  async make(means, order) {
    const { choices, noise } = order;
    const earlier = await makeEarlier(means, order);
    const schedule = planDeclared(means.sold.info(), choices);
    const start = noise.map((value) => value * schedule.noiseScale);
    const wanted = schedule.steps.map((_, step) => mix(start, earlier.final, (step + 1) / choices.steps));
    const walked = await walkAlong(schedule, noise, wanted);
    return { ...earlier, ...walked, pixels: await means.sold.decode(walked.final, choices) };
  },
};

/**
 * The outputs of the earlier order are true for its latents. Only the outputs that lead to these latents are false. The first one leads
 * near a latent of the earlier order, and the next ones to the bit.
 */
export const joinedCache: PictureAttack = {
  name: 'cached-joined',
  aim: 'the picture of an earlier order with the same prompt; false outputs lead to its latents, and all later outputs are true',
  caughtBy: 'equality',
  isPartial: true,
  async make(means, order) {
    const { choices, noise } = order;
    const earlier = await makeEarlier(means, order);
    const wanted = listNextLatents(earlier);
    const walked = await walk(planDeclared(means.sold.info(), choices), noise, (at) => {
      const known = earlier.steps[at.step] as MadePicture['steps'][number];
      return areSame(at.latent, known.latent) ? known.output : fitExactly(at, wanted[at.step] as Float32Array);
    });
    return { ...earlier, ...walked, pixels: await means.sold.decode(walked.final, choices) };
  },
};
