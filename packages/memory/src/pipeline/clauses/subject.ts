import { isCapitalised, isStopWord, stemWord, type Word } from '../words.ts';
import { isNeutral } from './neutral-words.ts';

const toSet = (text: string): ReadonlySet<string> => new Set(text.split(' '));

const FIRST_PERSON = toSet("i i'm i've i'd i'll me my mine myself we we're we've we'd we'll us our ours ourselves");
/** Words of a reader, and of a user in the third person: prompts have both. */
const ADDRESSED = toSet("you you're you've you'd you'll your yours yourself user users assistant");
const SUBJECTS = toSet("i i'm i've i'd i'll we we're we've we'd we'll");
const SPEAKERS: ReadonlySet<string> = new Set([...SUBJECTS, 'me', 'myself', 'us']);
const OTHER_PRONOUNS = toSet(
  "he he's he'd he'll she she's she'd she'll they they're they've they'd they'll somebody someone everybody everyone who whose his her their",
);
const OPENERS = toSet('and so also well yes no then now oh even only');
const DETERMINERS = toSet('my our your a an the one some both all this that these those every each most');
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
const VERBS = toSet('is was has had will would can could should must may might');

const includes = (words: readonly Word[], set: ReadonlySet<string>): boolean =>
  words.some(({ plain }) => set.has(plain));

export const isInFirstPerson = (words: readonly Word[]): boolean => includes(words, FIRST_PERSON);

/** Returns whether a clause begins with an article or an owner: `the man next door`. */
export const isDetermined = (words: readonly Word[]): boolean => DETERMINERS.has(words[0]?.plain ?? '');

/** Returns whether a word is the speaker as a subject. */
export const isSpeakerSubject = ({ plain }: Word): boolean => SUBJECTS.has(plain);

/** Returns whether a clause has a word of the speaker that is more than an owner. */
export const namesSpeaker = (words: readonly Word[]): boolean => includes(words, SPEAKERS);

/** Returns whether a clause speaks to the reader or of `the user`, and not of the speaker. */
export const isAddressed = (words: readonly Word[]): boolean => includes(words, ADDRESSED) && !isInFirstPerson(words);

export const isPerson = (plain: string): boolean => OTHERS.has(stemWord(plain));
const isName = (word: Word): boolean => isCapitalised(word) && !isNeutral(word);

export const isOtherPronoun = (plain: string): boolean => OTHER_PRONOUNS.has(plain);
export const isPossessive = ({ written }: Word): boolean => /['’]s$/.test(written);

export const isNamesOnly = (words: readonly Word[]): boolean => words.every(isName);

/** Returns whether a clause is a person alone: `my friend Ana`. */
export const isPersonOnly = (words: readonly Word[]): boolean =>
  words.every((word) => DETERMINERS.has(word.plain) || isPerson(word.plain) || isName(word));

/** Finds the stems of relatives, friends and names in a clause. */
export const findPeople = (words: readonly Word[]): readonly string[] =>
  words.filter((word) => isName(word) || isPerson(word.plain)).map(({ plain }) => stemWord(plain));

/**
 * Finds a subject that is not the speaker. `My sister Ana works in Rome` has `sister`, `Ana works in Rome` has `Ana`, and `she
 * works in Rome` has `she`.
 * @returns stems, or a pronoun; a text about the clause has one of them. Empty if the speaker may be the subject.
 */
export function findOtherSubject(words: readonly Word[]): readonly string[] {
  const begin = words.findIndex(({ plain }) => !OPENERS.has(plain));
  const [first, second, ...rest] = words.slice(Math.max(0, begin));
  if (first === undefined) return [];
  if (DETERMINERS.has(first.plain)) return second === undefined ? [] : findOwned([second, ...rest]);
  if (OTHER_PRONOUNS.has(first.plain)) return [first.plain];
  if (isNamesOnly(words)) return words.map(({ plain }) => stemWord(plain));
  if (namesSpeaker(words) || second === undefined) return [];
  if (isPerson(first.plain)) return [stemWord(first.plain)];
  if (!isCapitalised(first) || isStopWord(first.plain)) return [];
  const third = rest[0];
  const isPair = second.plain === 'and' && third !== undefined && isCapitalised(third);
  return isPair || VERBS.has(second.plain) || VERB_END.test(second.plain) ? [stemWord(first.plain)] : [];
}

/** Finds the relative or friend that begins a clause, or the thing of theirs: `my mother's doctor`. @param words behind a determiner. */
function findOwned(words: readonly Word[]): readonly string[] {
  const at = words.findIndex(({ plain }, index) => index < MAX_BEFORE_NOUN && isPerson(plain));
  const [noun, next] = words.slice(Math.max(0, at));
  if (at < 0 || noun === undefined) return [];
  return [stemWord(isPossessive(noun) && next !== undefined ? next.plain : noun.plain)];
}
