import { expect, it } from 'vitest';
import { isDuplicate } from './duplicates.ts';

const say = (text: string, subject = 'user') => ({ text, subject });
const TEXT = 'The user takes the night train from Porto to Lisbon every month';

it.each<[what: string, a: string, b: string, cosine: number, isSame: boolean]>([
  ['differ in case and punctuation', 'The user likes tea.', 'the user likes TEA', 0, true],
  ['share nearly all runs of words', TEXT, `${TEXT} now`, 0, true],
  ['share nearly all runs of words in another form', TEXT, TEXT.replace('takes', 'took'), 0.5, false],
  ['have close vectors', 'The user likes tea', 'The user is fond of tea', 0.95, true],
  ['have less close vectors', 'The user likes tea', 'The user likes coffee', 0.94, false],
  ['differ in a number', 'The user has 2 cats', 'The user has 3 cats', 0.99, false],
  ['differ in a name', 'The user lives in Lisbon', 'The user lives in Porto', 0.99, false],
  ['differ in a denial', 'The user eats meat', 'The user never eats meat', 0.99, false],
])('texts that %s', (_, a, b, cosine, isSame) => {
  expect(isDuplicate(say(a), say(b), cosine)).toBe(isSame);
  expect(isDuplicate(say(b), say(a), cosine)).toBe(isSame);
});

it('texts about two subjects', () => {
  expect(isDuplicate(say('Ana likes tea', 'Ana'), say('Ana likes tea', 'ana'), 0)).toBe(true);
  expect(isDuplicate(say('Ana likes tea', 'Ana'), say('Ana likes tea', 'user'), 1)).toBe(false);
});
