import { isCapitalised, isLink, isStopWord, stemWord, type Word } from '../words.ts';
import type { Clause } from './clauses.ts';
import { isNeutral } from './neutral-words.ts';
import { isDetermined, isPerson, isPossessive } from './subject.ts';

const PREPOSITIONS = new Set('of than with like to for from by about and or unlike at against'.split(' '));

/**
 * Returns whether a clause states something of a named person. Then the name begins it, or it has no subject and stands behind one with the
 * name. `Bruno pays Ana` and `Ana's son works` state nothing of Ana.
 * @param name stem of the first word of the name.
 */
export function isOfName(name: string, text: readonly Word[], { words: clause, people }: Clause): boolean {
  const at = clause.findIndex(({ plain }) => stemWord(plain) === name);
  const word = clause[at];
  if (word === undefined) return people.includes(name);
  if (isPossessive(word)) return false;
  const stems = new Set(text.map(({ plain }) => stemWord(plain)));
  const isShared = ({ plain }: Word): boolean => stems.has(stemWord(plain)) && !isStopWord(plain) && !isLink(plain);
  const before = clause.slice(0, at);
  if (PREPOSITIONS.has(before.at(-1)?.plain ?? '')) return false;
  const isFree = (one: Word): boolean =>
    isPerson(one.plain) || isNeutral(one) || (isDetermined(clause) && !isCapitalised(one) && !isShared(one));
  const behind = clause.slice(at + 1);
  const until = behind.findIndex(isShared);
  const dropped = behind.slice(0, Math.max(0, until));
  return before.every(isFree) && !dropped.some((one, index) => isOtherName(one, dropped[index - 1]));
}

/** `Ana and Bruno` do the same. */
const isOtherName = (word: Word, before: Word | undefined): boolean =>
  isCapitalised(word) && !isNeutral(word) && before?.plain !== 'and';
