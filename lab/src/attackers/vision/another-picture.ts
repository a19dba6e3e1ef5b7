import { answerHonestly, answerWith, commitRows, type VisionAttack } from './attack.ts';

export const anotherPicture: VisionAttack = {
  name: 'picture-another',
  aim: 'rows of an earlier picture, which cost no run of the encoder',
  caughtBy: 'picture-rows',
  answer: (means, order) => answerWith(means, order, () => means.sold.encodePicture(order.earlierFile)),
};

export const swappedPictures: VisionAttack = {
  name: 'pictures-swapped',
  aim: 'two pictures in the other order',
  caughtBy: 'picture-rows',
  pictures: 2,
  answer: (means, order) => {
    const [first, second] = order.files as readonly [Uint8Array, Uint8Array];
    return answerWith(means, order, (file) =>
      means.sold.encodePicture(Buffer.compare(file, first) === 0 ? second : first),
    );
  },
};

export const committedAnother: VisionAttack = {
  name: 'rows-another',
  aim: 'a true answer beside the committed rows of an earlier picture',
  caughtBy: 'picture-rows',
  async answer({ sold }, order) {
    return commitRows(await answerHonestly(sold, order), [await sold.encodePicture(order.earlierFile)]);
  },
};

export const hiddenAnother: VisionAttack = {
  name: 'rows-unread',
  aim: 'true rows are committed, and the model reads those of an earlier picture',
  caughtBy: 'equality',
  async answer(means, order) {
    const answer = await anotherPicture.answer(means, order);
    return commitRows(answer, [await means.sold.encodePicture(order.files[0] as Uint8Array)]);
  },
};
