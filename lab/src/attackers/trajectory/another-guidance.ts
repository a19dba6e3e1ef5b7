import { GUIDANCE_ONE } from '@ogong/protocol/modality/trajectory/request';
import { makeHonestly, type PictureAttack, type PictureMeans, type PictureOrder } from './attack.ts';

const makeWith = async ({ sold }: PictureMeans, order: PictureOrder, guidance: number) => {
  const choices = { ...order.choices, guidanceQ16: Math.round(guidance * GUIDANCE_ONE) };
  return makeHonestly(sold, { ...order, choices });
};

export const noGuidance: PictureAttack = {
  name: 'guidance-none',
  aim: 'one pass a step in place of two: without guidance',
  caughtBy: 'equality',
  make: async (means, order) => ({ ...(await makeWith(means, order, 1)), choices: order.choices }),
};

export const lowerGuidance: PictureAttack = {
  name: 'guidance-near',
  aim: 'a guidance that is a thirtieth lower than the requested one',
  caughtBy: 'equality',
  async make(means, order) {
    const asked = order.choices.guidanceQ16 / GUIDANCE_ONE;
    return { ...(await makeWith(means, order, asked - asked / 30)), choices: order.choices };
  },
};

export const statedGuidance: PictureAttack = {
  name: 'guidance-stated',
  aim: 'no guidance for a request that leaves it to the model; the header states it',
  caughtBy: 'model-choices',
  leavesGuidance: true,
  make: (means, order) => makeWith(means, order, 1),
};
