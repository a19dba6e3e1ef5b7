import { makeHonestly, type PictureAttack } from './attack.ts';
import { listNextLatents, planDeclared, walkAlong } from './walk.ts';

export const hiddenSchedule: PictureAttack = {
  name: 'schedule-hidden',
  aim: 'a schedule with other times than the declared one',
  caughtBy: 'links',
  make: async ({ open }, order) => makeHonestly(await open('schedule'), order),
};

export const fittedSchedule: PictureAttack = {
  name: 'schedule-fitted',
  aim: 'the latents of another schedule; outputs are fitted to them, so all links hold',
  caughtBy: 'equality',
  async make({ open, sold }, order) {
    const made = await makeHonestly(await open('schedule'), order);
    const { choices, noise } = order;
    const walked = await walkAlong(planDeclared(sold.info(), choices), noise, listNextLatents(made));
    return { ...made, ...walked, pixels: await sold.decode(walked.final, choices) };
  },
};

export const statedSchedule: PictureAttack = {
  name: 'schedule-stated',
  aim: 'another schedule, which the header states as that of the model',
  caughtBy: 'model-facts',
  make: hiddenSchedule.make,
  state: async ({ open, sold }) => ({ ...sold.info(), scheduler: (await open('schedule')).info().scheduler }),
};
