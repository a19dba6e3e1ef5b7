import { anotherPicture, committedAnother, hiddenAnother, swappedPictures } from './another-picture.ts';
import type { VisionAttack } from './attack.ts';
import { CHEAP_ENCODERS, halvedPicture } from './cheap-encoder.ts';
import { droppedPicture, hiddenText, statedText } from './dropped-picture.ts';
import { fewerPictures, repeatedPicture } from './fewer-pictures.ts';
import { fewerRows, moreRows } from './row-count.ts';
import { withheldRows, wrongRows } from './withheld-rows.ts';

/** All attackers of questions about pictures. */
export const VISION_ATTACKS: readonly VisionAttack[] = [
  ...[anotherPicture, halvedPicture, ...CHEAP_ENCODERS],
  ...[committedAnother, hiddenAnother, withheldRows, wrongRows],
  ...[droppedPicture, statedText, hiddenText],
  ...[fewerPictures, repeatedPicture, swappedPictures],
  ...[fewerRows, moreRows],
];
