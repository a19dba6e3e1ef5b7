import { PIXEL_BYTES } from '@ogong/protocol/modality/trajectory/picture-size';
import type { EncodedSource, MadePicture } from '@ogong/provider/modality/trajectory/make-picture';
import type { SourcePixels } from '@ogong/provider/modality/trajectory/read-source';
import { makeHonestly, type PictureAttack, type PictureMeans, type PictureOrder } from './attack.ts';
import { halve } from './upscaled-picture.ts';

/** Makes the picture from other pixels or another mask than those of the request. */
const makeFrom = ({ sold }: PictureMeans, order: PictureOrder, change: (input: SourcePixels) => SourcePixels) =>
  makeHonestly(sold, { ...order, input: change(order.input as SourcePixels) });

/** Makes the picture with half of the requested strength, so with half of its steps. */
const makeWeaker = ({ sold }: PictureMeans, order: PictureOrder): Promise<MadePicture> => {
  const { request } = order;
  const source = request.source && { ...request.source, strengthQ16: request.source.strengthQ16 / 2 };
  return makeHonestly(sold, { ...order, request: { ...request, source } });
};

/** Replaces the picture to change that a reply commits. */
const commitSource = (made: MadePicture, change: Partial<EncodedSource>): MadePicture => ({
  ...made,
  source: made.source && { ...made.source, ...change },
});

const anotherSource: PictureAttack = {
  name: 'source-another',
  aim: 'the latent of an earlier picture is changed in place of that of the request',
  caughtBy: 'equality',
  changes: 'picture',
  make: (means, order) => makeFrom(means, order, (input) => ({ ...input, pixels: order.earlierPixels })),
};

const halvedSource: PictureAttack = {
  name: 'source-halved',
  aim: 'the picture to change in half of its width and height, scaled up',
  caughtBy: 'equality',
  changes: 'picture',
  make(means, order) {
    const { width, height } = order.choices;
    const at = (plane: number, row: number, column: number) => (row * width + column) * PIXEL_BYTES + plane;
    const halvePixels = (pixels: Uint8Array) =>
      Uint8Array.from(halve(pixels, { width, height, planes: PIXEL_BYTES, at }), Math.round);
    return makeFrom(means, order, ({ pixels, mask }) => ({ pixels: halvePixels(pixels), mask }));
  },
};

const cheapEncoder: PictureAttack = {
  name: 'source-f16',
  aim: 'an encoder of f16 weights reads the picture to change',
  caughtBy: 'equality',
  changes: 'picture',
  async make({ sold, open }, order) {
    const { encode } = await open('encoder');
    return makeHonestly({ ...sold, encode }, order);
  },
};

const unusedSource: PictureAttack = {
  name: 'source-unused',
  aim: 'a picture from noise alone, in as many steps, beside the true latent of the picture to change',
  caughtBy: 'links',
  changes: 'picture',
  async make({ sold }, order) {
    const { choices, noise } = order;
    const { source, steps } = await makeHonestly(sold, order);
    const { prompt, negativePrompt } = order.request;
    const fewer = { ...choices, steps: steps.length };
    return {
      ...(await makeHonestly(sold, { request: { prompt, negativePrompt }, choices: fewer, noise })),
      ...{ choices, source },
    };
  },
};

const ignoredMask: PictureAttack = {
  name: 'mask-ignored',
  aim: 'all places are painted again, beside the true mask',
  caughtBy: 'links',
  changes: 'masked',
  async make(means, order) {
    const made = await makeFrom(means, order, paintAll);
    return commitSource(made, { mask: order.input?.mask });
  },
};

const statedMask: PictureAttack = {
  name: 'mask-stated',
  aim: 'all places are painted again, by a mask of its own',
  caughtBy: 'mask',
  changes: 'masked',
  make: (means, order) => makeFrom(means, order, paintAll),
};

const paintAll = ({ pixels, mask }: SourcePixels): SourcePixels => ({ pixels, mask: mask?.map(() => 1) });

const lowerStrength: PictureAttack = {
  name: 'strength-lower',
  aim: 'half of the strength and of the steps; each is committed twice, so that the number is the declared one',
  caughtBy: 'links',
  changes: 'picture',
  async make(means, order) {
    const made = await makeWeaker(means, order);
    const strengthQ16 = order.request.source?.strengthQ16 as number;
    return commitSource({ ...made, steps: made.steps.flatMap((step) => [step, step]) }, { strengthQ16 });
  },
};

const statedStrength: PictureAttack = {
  name: 'strength-stated',
  aim: 'half of the strength and of the steps; the header states it',
  caughtBy: 'choices',
  changes: 'picture',
  make: makeWeaker,
};

/** Attackers of pictures to change. */
export const CHANGED_PICTURES: readonly PictureAttack[] = [
  ...[anotherSource, halvedSource, cheapEncoder, unusedSource],
  ...[ignoredMask, statedMask, lowerStrength, statedStrength],
];
