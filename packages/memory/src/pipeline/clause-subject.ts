import { isCapitalised, isStopWord, stemWord, type Word } from './words.ts';

const toSet = (text: string): ReadonlySet<string> => new Set(text.split(' '));

const FIRST_PERSON = toSet("i i'm i've i'd i'll me my mine myself we we're we've we'd we'll us our ours ourselves");
const SECOND_PERSON = toSet("you you're you've you'd you'll your yours yourself");
/** Words of the speaker that are more than an owner. */
const SPEAKERS = toSet("i i'm i've i'd i'll me myself we we're we've we'd we'll us");
const OTHER_PRONOUNS = toSet(
  "he he's he'd he'll she she's she'd she'll they they're they've they'd they'll somebody someone everybody everyone",
);
const OPENERS = toSet('and so also well yes no then now oh even only');
const DETERMINERS = toSet('my our his her their your a an the one some both all');
const OTHERS = new Set(
  [
    ...'sister brother sibling mother mom mum father dad parent wife husband spouse partner fiance fiancee'.split(' '),
    ...'son daughter child children kid baby twin cousin aunt uncle niece nephew family'.split(' '),
    ...'grandmother grandma grandfather grandpa grandparent grandson granddaughter godmother godfather'.split(' '),
    ...'stepmother stepfather stepson stepdaughter stepsister stepbrother friend girlfriend boyfriend ex'.split(' '),
    ...'colleague coworker boss manager mentor teacher neighbour neighbor roommate flatmate tenant'.split(' '),
    ...'landlord landlady people dog cat horse parrot pet'.split(' '),
  ].map(stemWord),
);
/** Words before the noun of a subject, its determiner included. */
const MAX_BEFORE_NOUN = 3;
/** Ends of verbs of a third person, or of the past. */
const VERB_END = /(?:[^s]s|ed)$/;

const includes = (words: readonly Word[], set: ReadonlySet<string>): boolean =>
  words.some(({ plain }) => set.has(plain));

export const isInFirstPerson = (words: readonly Word[]): boolean => includes(words, FIRST_PERSON);

/** Returns whether a clause begins with an article or an owner: `the man next door`. */
export const isDetermined = (words: readonly Word[]): boolean => DETERMINERS.has(words[0]?.plain ?? '');

/** Returns whether a clause speaks to the reader, and not of the speaker. */
export const isAddressed = (words: readonly Word[]): boolean =>
  includes(words, SECOND_PERSON) && !isInFirstPerson(words);

/**
 * Finds a subject that is not the speaker. `My sister Ana works in Rome` has `sister` and `Ana`, `she works in Rome` has `she`, and
 * `Ana works in Rome` has `Ana`.
 * @returns stems, or a pronoun; a text about the clause has one of them. Empty if the speaker may be the subject.
 */
export function findOtherSubject(words: readonly Word[]): readonly string[] {
  const begin = words.findIndex(({ plain }) => !OPENERS.has(plain));
  const [first, second, ...rest] = words.slice(Math.max(0, begin));
  if (first === undefined || second === undefined) return [];
  if (DETERMINERS.has(first.plain)) return findOwned([second, ...rest]);
  if (includes(words, SPEAKERS)) return [];
  if (OTHER_PRONOUNS.has(first.plain)) return [first.plain];
  if (!isCapitalised(first) || isStopWord(first.plain)) return [];
  const third = rest[0];
  const isPair = second.plain === 'and' && third !== undefined && isCapitalised(third);
  return isPair || VERB_END.test(second.plain) ? [stemWord(first.plain)] : [];
}

/** @param words behind a determiner. */
function findOwned(words: readonly Word[]): readonly string[] {
  const at = words.findIndex(({ plain }, index) => index < MAX_BEFORE_NOUN && OTHERS.has(stemWord(plain)));
  const [noun, next, behind] = words.slice(Math.max(0, at));
  // `My sister and I` includes the speaker.
  if (at < 0 || noun === undefined || (next?.plain === 'and' && behind?.plain === 'i')) return [];
  const name = next !== undefined && isCapitalised(next) ? [stemWord(next.plain)] : [];
  return [stemWord(noun.plain), ...name];
}
