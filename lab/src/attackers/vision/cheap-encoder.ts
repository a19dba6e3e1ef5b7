import { readSourcePicture } from '@ogong/engine/pixels/source-picture';
import { encodePng } from '@ogong/host/media/png';
import type { Rounding } from '../trajectory/edited-folder.ts';
import { answerWith, type VisionAttack } from './attack.ts';

/** Width and height of the halved picture: the model's pictures have 32x32 pixels. */
const HALF = { width: 16, height: 16 };

export const halvedPicture: VisionAttack = {
  name: 'picture-halved',
  aim: 'a picture of half the width and height, which an encoder of tiles reads in a quarter of the runs',
  caughtBy: 'picture-rows',
  answer: (means, order) =>
    answerWith(means, order, async (file) =>
      means.sold.encodePicture(await encodePng({ ...HALF, pixels: await readSourcePicture(file, HALF) })),
    ),
};

const encodeWith = (rounding: Rounding, saved: string): VisionAttack => ({
  name: `encoder-${rounding}`,
  aim: `an encoder of ${rounding} weights, which takes ${saved} of the memory`,
  caughtBy: 'picture-rows',
  async answer(means, order) {
    const cheap = await means.open(rounding);
    return answerWith(means, order, (file) => cheap.encodePicture(file));
  },
});

export const CHEAP_ENCODERS: readonly VisionAttack[] = [
  encodeWith('f16', 'half'),
  encodeWith('bf16', 'half'),
  encodeWith('int8', 'a quarter'),
  encodeWith('int4', 'an eighth'),
];
