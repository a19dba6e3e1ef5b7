import { createHash } from 'node:crypto';

const FORMS = [
  'a short story',
  'a letter',
  'a recipe',
  'a report',
  'a dialogue',
  'a diary entry',
  'a review',
  'a speech',
];
const PEOPLE = [
  'a baker',
  'two sisters',
  'an old sailor',
  'a judge',
  'the new teacher',
  'a boy named Tom',
  'a nurse',
  'my uncle',
];
const THINGS = [
  'a lost key',
  'the red boat',
  'a broken clock',
  'a small dog',
  'an empty house',
  'a map',
  'the last train',
  'a tall tree',
];
const PLACES = [
  'by the sea',
  'in a big city',
  'at the market',
  'in the woods',
  'near the old bridge',
  'on a farm',
  'at school',
];
const TIMES = ['one morning', 'late at night', 'after the war', 'last winter', 'on a rainy day', 'a hundred years ago'];
const OPENINGS = [
  'Once upon a time',
  'It began when',
  'Nobody knew why',
  'For many years',
  'The day that',
  'Everyone said that',
];

/**
 * Draws usual requests, so that an endpoint cannot tell them from others: 1.5 million openings, drawn by the seed. The same seed gives the
 * same ones.
 */
export function* drawPrompts(seed: string): Generator<{ readonly opening: string; readonly question: string }> {
  for (let i = 0; ; i++) {
    const draw = createHash('sha256').update(`ogong-compare ${seed} ${i}`).digest();
    let at = 0;
    const pick = (words: readonly string[]): string => words[draw.readUInt16BE(2 * at++) % words.length] as string;
    const [form, person, thing, place, time, opening] = [FORMS, PEOPLE, THINGS, PLACES, TIMES, OPENINGS].map(pick);
    yield {
      opening: `${opening}, ${time}, ${person} found ${thing} ${place}`,
      question: `Write ${form} about ${person} and ${thing} ${place}. It happens ${time}. Begin with: "${opening}"`,
    };
  }
}
