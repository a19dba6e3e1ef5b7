import { droppedPrompt } from './another-prompt.ts';
import type { PictureAttack } from './attack.ts';

export const withheldValues: PictureAttack = {
  ...droppedPrompt,
  name: 'values-withheld',
  aim: 'a picture of no prompt, whose outputs nobody gets to see',
  caughtBy: 'blob-withheld',
  delivers: 'nothing',
};

export const wrongChunk: PictureAttack = {
  ...droppedPrompt,
  name: 'values-wrong',
  aim: 'a picture of no prompt; other values than the committed outputs are delivered',
  caughtBy: 'blob-wrong-chunk',
  delivers: 'wrong-chunk',
};
