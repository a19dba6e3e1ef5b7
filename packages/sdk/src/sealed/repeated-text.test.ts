import { DEFAULT_FORMAT } from '@ogong/protocol/modality/text/answer/answer-format';
import { expect, it } from 'vitest';
import { createRepeatedText } from './repeated-text.ts';

const say = (text: string) => ({ text, tokens: [], format: DEFAULT_FORMAT });

it('a part without text does not stop another provider from serving the reply', () => {
  const shown = createRepeatedText();
  expect(shown.take(say(''))).toEqual(say(''));
  expect(shown.hasBegun).toBe(false);
  shown.restart();
  shown.take(say('Once'));
  expect(shown.hasBegun).toBe(true);
  shown.restart();
  expect([shown.take(say('On')), shown.take(say('ce upon'))]).toEqual([undefined, say(' upon')]);
});
