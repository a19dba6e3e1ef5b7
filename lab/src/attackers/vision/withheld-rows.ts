import type { VisionAttack } from './attack.ts';
import { halvedPicture } from './cheap-encoder.ts';

export const withheldRows: VisionAttack = {
  ...halvedPicture,
  name: 'rows-withheld',
  aim: 'a halved picture, whose rows nobody gets to see',
  caughtBy: 'blob-withheld',
  delivers: 'nothing',
};

export const wrongRows: VisionAttack = {
  ...halvedPicture,
  name: 'rows-wrong',
  aim: 'a halved picture; other values than the committed rows are delivered',
  caughtBy: 'blob-wrong-chunk',
  delivers: 'wrong-chunk',
};
