import type { EncodedPicture } from '@ogong/engine/interface/vision';
import { answerWith, type VisionAttack } from './attack.ts';

/** Takes the rows of a picture of these indexes, one piece of the prompt. */
function pickRows({ rows, pieces }: EncodedPicture, choose: (count: number) => readonly number[]): EncodedPicture {
  const count = pieces.reduce<number>((sum, piece) => sum + (typeof piece === 'number' ? piece : 0), 0);
  const size = rows.length / count;
  const chosen = choose(count);
  const picked = new Float32Array(chosen.length * size);
  for (const [to, from] of chosen.entries()) picked.set(rows.subarray(from * size, (from + 1) * size), to * size);
  return { pieces: [chosen.length], rows: picked };
}

const countRows = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

const answerBy = (choose: (count: number) => readonly number[]): VisionAttack['answer'] => {
  return (means, order) =>
    answerWith(means, order, async (file) => pickRows(await means.sold.encodePicture(file), choose));
};

export const fewerRows: VisionAttack = {
  name: 'rows-fewer',
  aim: 'each second row of the picture, which halves its part of the prompt',
  caughtBy: 'picture-rows',
  answer: answerBy((count) => countRows(count).filter((row) => row % 2 === 0)),
};

export const moreRows: VisionAttack = {
  name: 'rows-more',
  aim: 'each row twice, which doubles the billed tokens of the picture',
  caughtBy: 'picture-rows',
  answer: answerBy((count) => countRows(count).flatMap((row) => [row, row])),
};
