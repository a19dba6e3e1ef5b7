import { answerWith, commitRows, type VisionAttack } from './attack.ts';

/** Encodes only the first picture, in the place of both. */
const answerByFirst: VisionAttack['answer'] = (means, order) =>
  answerWith(means, order, () => means.sold.encodePicture(order.files[0] as Uint8Array));

export const fewerPictures: VisionAttack = {
  name: 'pictures-fewer',
  aim: 'one picture of two is encoded and committed',
  caughtBy: 'sampler',
  pictures: 2,
  async answer(means, order) {
    const answer = await answerByFirst(means, order);
    return commitRows(answer, [await means.sold.encodePicture(order.files[0] as Uint8Array)]);
  },
};

export const repeatedPicture: VisionAttack = {
  name: 'pictures-repeated',
  aim: 'one picture of two is encoded; its rows are committed for both',
  caughtBy: 'picture-rows',
  pictures: 2,
  answer: answerByFirst,
};
