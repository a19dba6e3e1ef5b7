import { tokenizePrompts } from '@ogong/provider/modality/trajectory/make-picture';
import { makeHonestly, type PictureAttack, type PictureMeans, type PictureOrder } from './attack.ts';

/** A prompt that no order of the laboratory has. */
export const OTHER_PROMPT = 'a small yellow cross';

const makeFrom = ({ sold }: PictureMeans, order: PictureOrder, prompt: string) =>
  makeHonestly(sold, { ...order, request: { ...order.request, prompt } });

/** Commits the tokens of the order's own prompt. */
const disguisePrompt = (name: string, aim: string, prompt: string): PictureAttack => ({
  name,
  aim,
  caughtBy: 'equality',
  make: async (means, order) => ({
    ...(await makeFrom(means, order, prompt)),
    tokens: await tokenizePrompts(means.sold, order.request),
  }),
});

export const droppedPrompt = disguisePrompt(
  'prompt-dropped',
  'a picture of no prompt, made in advance for anybody',
  '',
);

export const hiddenPrompt = disguisePrompt(
  'prompt-changed',
  'a picture of another prompt, with the tokens of the right one',
  OTHER_PROMPT,
);

export const shownPrompt: PictureAttack = {
  name: 'prompt-changed-shown',
  aim: 'a picture of another prompt, with the tokens that the model read',
  caughtBy: 'prompt-tokens',
  make: (means, order) => makeFrom(means, order, OTHER_PROMPT),
};
