import { makeHonestly, type PictureAttack } from './attack.ts';

export const anotherLatent: PictureAttack = {
  name: 'decoded-another',
  aim: 'shows the picture of another latent, such as an advertisement, beside true steps',
  caughtBy: 'equality',
  async make({ sold }, order) {
    const [made, other] = [
      await makeHonestly(sold, order),
      await makeHonestly(sold, { ...order, noise: order.earlierNoise }),
    ];
    return { ...made, pixels: other.pixels };
  },
};

export const replacedLatent: PictureAttack = {
  name: 'final-replaced',
  aim: 'another last latent with its picture, at the end of true steps',
  caughtBy: 'links',
  async make({ sold }, order) {
    const made = await makeHonestly(sold, order);
    const { final, pixels } = await makeHonestly(sold, { ...order, noise: order.earlierNoise });
    return { ...made, final, pixels };
  },
};
