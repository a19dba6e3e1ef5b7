import { isCapitalised, isDenial, readWords, stemWord, type Word } from './words.ts';

/** A part of a quote between marks, with one statement as a rule. */
export interface Clause {
  readonly words: readonly Word[];
  readonly denials: number;
  /** It states a wish, a plan, a condition or a past habit, and no present fact. */
  readonly isHedged: boolean;
  /** Stems of which one names its subject, if that is a person or an animal beside the speaker. */
  readonly other: readonly string[];
  /** It speaks to the reader, and not of the speaker. */
  readonly isAddressed: boolean;
}

const SENTENCE_END = /[.!?…。！？\n]+(?=\s|$)/u;
/** Where a denial or a wish ends. */
const CLAUSE_END = /[,;:.!?…。，；\n]|\b(?:but|because|although|though)\b/iu;

const toSet = (text: string): ReadonlySet<string> => new Set(text.split(' '));
const toStems = (text: string): ReadonlySet<string> => new Set(text.split(' ').map(stemWord));

/** They hold for their whole sentence. */
const CONDITIONS = toSet('if unless whether');
const HEDGES = toSet(
  'would could should might maybe perhaps possibly nearly almost formerly previously ' +
    'wish wishes wished hope hopes hoped hoping want wants wanted wanting plan plans planned planning ' +
    "consider considers considering intend intends intending dream dreams dreaming thinking i'd we'd",
);
/** `used to` after one of these is no past habit: `I am used to rain`. */
const USED_TO_STATES = toSet("am are is was were be been being get got getting i'm we're");

export const FIRST_PERSON = toSet("i i'm i've i'd i'll me my mine myself we we're we've we'd we'll us our ours ourselves");
const SECOND_PERSON = toSet("you you're you've you'd you'll your yours yourself");
const OPENERS = toSet('and so also well yes no then now oh even only');
const DETERMINERS = toSet('my our his her their your a an the one some both all');
const OTHERS = toStems(
  'sister brother sibling mother mom mum father dad parent wife husband spouse partner fiance fiancee son daughter child kid ' +
    'baby twin cousin aunt uncle niece nephew grandmother grandma grandfather grandpa grandparent grandson granddaughter ' +
    'stepmother stepfather stepson stepdaughter stepsister ' +
    'stepbrother godmother godfather friend girlfriend boyfriend ex colleague coworker boss manager mentor teacher ' +
    'neighbour neighbor roommate flatmate tenant landlord landlady children people family dog cat horse parrot pet',
);
/** Words before the noun of a subject, its determiner included. */
const MAX_BEFORE_NOUN = 3;

/** Reads the clauses of sentences that are no questions. */
export function readClauses(stated: string): readonly Clause[] {
  return stated.split(SENTENCE_END).flatMap((sentence) => {
    const isConditional = readWords(sentence).some(({ plain }) => CONDITIONS.has(plain));
    return sentence.split(CLAUSE_END).map((text) => readClause(text, isConditional));
  });
}

function readClause(text: string, isConditional: boolean): Clause {
  const words = readWords(text);
  const has = (set: ReadonlySet<string>): boolean => words.some(({ plain }) => set.has(plain));
  return {
    words,
    denials: countDenials(words),
    isHedged: isConditional || hasHedge(words),
    other: findOther(words),
    isAddressed: has(SECOND_PERSON) && !has(FIRST_PERSON),
  };
}

export const countDenials = (words: readonly Word[]): number => words.filter(({ plain }) => isDenial(plain)).length;

/** Returns whether words make a statement a wish, a plan, a condition or a past habit. */
export const hasHedge = (words: readonly Word[]): boolean =>
  words.some(({ plain }, index) => {
    if (HEDGES.has(plain) || CONDITIONS.has(plain)) return true;
    const isHabit = plain === 'used' && words[index + 1]?.plain === 'to';
    return isHabit && !USED_TO_STATES.has(words[index - 1]?.plain ?? '');
  });

/** Finds the subject of `my sister Ana works in Rome`: the stems of `sister` and `Ana`. */
function findOther(words: readonly Word[]): readonly string[] {
  const begin = words.findIndex(({ plain }) => !OPENERS.has(plain));
  const subject = words.slice(Math.max(0, begin));
  if (!DETERMINERS.has(subject[0]?.plain ?? '')) return [];
  const at = subject.findIndex(({ plain }, index) => index <= MAX_BEFORE_NOUN && OTHERS.has(stemWord(plain)));
  const isJoined = subject[at + 1]?.plain === 'and' && subject[at + 2]?.plain === 'i';
  if (at < 1 || isJoined) return [];
  return subject
    .slice(at, at + 2)
    .flatMap((word, index) => (index === 0 || isCapitalised(word) ? stemWord(word.plain) : []));
}
