import { isDenial, isLink, isStopWord, type Word } from '../words.ts';

/** Words that may stand before a statement and change nothing of it. */
const NEUTRAL = new Set([
  ...'way fact moment ok okay hi hello hey thanks thank please sorry btw update news yes maybe ever always every got'.split(
    ' ',
  ),
  ...'big huge great good real total proud'.split(' '),
  ...'last next day week weekend month morning afternoon evening night spring summer autumn fall winter'.split(' '),
  ...'today yesterday tomorrow tonight lately nowadays monday tuesday wednesday thursday friday saturday'.split(' '),
  ...'sunday january february march april june july august september october november december'.split(' '),
]);
/** Links that state no fact: `I think that I am late`. */
const OPEN_LINKS = new Set([
  ...'want wish hope plan intend need try think believe know describe express report share tell ask remember'.split(
    ' ',
  ),
  ...'interest interested person play feel'.split(' '),
]);
const WEAK_ADVERBS = new Set([
  'hardly',
  'barely',
  'scarcely',
  'rarely',
  'nearly',
  'supposedly',
  'allegedly',
  'practically',
  'virtually',
]);
const ROLES = new Set(['user', 'assistant']);

export const isNeutralWord = (plain: string): boolean => NEUTRAL.has(plain);

/** Returns whether a memory may leave a word of its quote out and still say the same. */
export function isNeutral({ plain, kind }: Word): boolean {
  if (ROLES.has(plain)) return false;
  if (kind === 'number' || isStopWord(plain) || isDenial(plain) || isNeutralWord(plain)) return true;
  if (plain.endsWith('ly')) return !WEAK_ADVERBS.has(plain);
  return isLink(plain) && !OPEN_LINKS.has(plain);
}
