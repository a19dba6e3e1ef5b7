import { findOtherSubject, isAddressed } from './clause-subject.ts';
import { isDenial, readWords, type Word } from './words.ts';

/** Conditions of a statement that change its truth: a text that rests on it has them too. */
export interface Mood {
  /** It states a wish, a plan, a condition or a past habit, and no present fact. */
  readonly isHedged: boolean;
  /** It says that something is gone. */
  readonly isLoss: boolean;
}

/** A part of a quote between marks, with one statement as a rule. */
export interface Clause extends Mood {
  readonly words: readonly Word[];
  readonly denials: number;
  /** Stems and pronouns of which one names its subject, if that is not the speaker. */
  readonly other: readonly string[];
  /** It speaks to the reader, and not of the speaker. */
  readonly isAddressed: boolean;
}

const SENTENCE_END = /[.!?…。！？\n]+(?=\s|$)/u;
/** Where a denial or a wish ends. */
const CLAUSE_END = /[,;:.!?…。，；\n]|\b(?:but|because|although|though)\b/iu;
/** Words of somebody else, up to the end of the sentence. */
const SPEECH = /\b(?<!\bI )(?:said|says|told \p{L}+|tells \p{L}+|wrote|writes|asked|asks)\s*[:,].*/isu;

const toSet = (text: string): ReadonlySet<string> => new Set(text.split(' '));

/** They hold for their whole sentence. */
const CONDITIONS = toSet('if unless whether');
const HEDGES = new Set([
  ...'would could should might maybe perhaps possibly nearly almost formerly previously'.split(' '),
  ...'wish wishes wished hope hopes hoped hoping want wants wanted wanting plan plans planned planning'.split(' '),
  ..."consider considers considering intend intends intending dream dreams dreaming thinking i'd we'd".split(' '),
]);
/** `used to` after one of these is no past habit: `I am used to rain`. */
const USED_TO_STATES = toSet("am are is was were be been being get got getting i'm we're");
const LOSSES = toSet('sold sell sells selling lost lose loses losing donated donate donates away');

/** Reads the clauses of sentences that are no questions. */
export function readClauses(stated: string): readonly Clause[] {
  return stated.split(SENTENCE_END).flatMap((sentence) => {
    const isConditional = readWords(sentence).some(({ plain }) => CONDITIONS.has(plain));
    return sentence
      .replace(SPEECH, ' ')
      .split(CLAUSE_END)
      .map((text) => readClause(readWords(text), isConditional));
  });
}

function readClause(words: readonly Word[], isConditional: boolean): Clause {
  const { isHedged, isLoss } = readMood(words);
  return {
    ...{ words, isLoss, isHedged: isHedged || isConditional, denials: countDenials(words) },
    ...{ other: findOtherSubject(words), isAddressed: isAddressed(words) },
  };
}

export const countDenials = (words: readonly Word[]): number => words.filter(({ plain }) => isDenial(plain)).length;

export const readMood = (words: readonly Word[]): Mood => ({
  isHedged: words.some(({ plain }, index) => HEDGES.has(plain) || CONDITIONS.has(plain) || isPastHabit(words, index)),
  isLoss: words.some(({ plain }) => LOSSES.has(plain)),
});

const isPastHabit = (words: readonly Word[], index: number): boolean =>
  words[index]?.plain === 'used' &&
  words[index + 1]?.plain === 'to' &&
  !USED_TO_STATES.has(words[index - 1]?.plain ?? '');
