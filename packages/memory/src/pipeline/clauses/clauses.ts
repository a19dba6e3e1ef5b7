import { readWords, type Word } from '../words.ts';
import { isEnglish } from './language.ts';
import { findDenials, isConditional, type Mood, readMood } from './mood.ts';
import { isNeutral } from './neutral-words.ts';
import {
  findOtherSubject,
  findPeople,
  isAddressed,
  isInFirstPerson,
  isNamesOnly,
  isOtherPronoun,
  isPersonOnly,
  isSpeakerSubject,
  namesSpeaker,
} from './subject.ts';

/** A part of a quote between marks, with one statement as a rule. A sentence in another language than English is one clause. */
export interface Clause extends Mood {
  readonly words: readonly Word[];
  readonly isEnglish: boolean;
  readonly denials: readonly number[];
  /** Stems and pronouns of which one names its subject, if that is not the speaker. */
  readonly other: readonly string[];
  /** Stems of the people named before, if its subject is one of them: relatives, friends and names. */
  readonly people: readonly string[];
  /** It speaks to the reader or of `the user`, and not of the speaker. */
  readonly isAddressed: boolean;
}

const SENTENCE_END = /[.!?…。！？\n]+(?=\s|$)/u;
/** Where a denial, a wish or a subject ends. */
const CLAUSE_END = new RegExp(
  [
    '[,;:.!?…()。，；\\n]|\\s[-–—]+\\s|—',
    '(?<!\\b(?:anything|nothing)\\s)\\bbut\\b|\\b(?:because|although|though)\\b',
    '\\b(?:and|or|so)\\b(?=\\s+(?:i|we|you|he|she|they)\\b)|(?=\\bwhose?\\b)',
    // `My son is six and my daughter is nine`
    '\\band\\b(?=\\s+(?:my|our)\\b)(?<=^\\P{L}*(?:my|our)\\b[^,;:]*)',
  ].join('|'),
  'iu',
);
/** Words of somebody else, up to the end of the sentence. */
const SPEECH =
  /\b(?<!\bI )(?:(?:was|were) like|said|says|told \p{L}+|tells \p{L}+|wrote|writes|asked|asks)\s*[:,].*/isu;
const COLON = /^([^:]*):\s(.*)$/su;
/** Words before a colon that announce facts of the speaker. */
const LABELS = new Set('about background bio context info intro job note profile ps reminder thing work'.split(' '));

/** Reads the clauses of sentences that are no questions. */
export function readClauses(stated: string): readonly Clause[] {
  const people: string[] = [];
  return stated.split(SENTENCE_END).flatMap((sentence) => {
    const words = readWords(sentence);
    return isEnglish(words) ? readSentence(sentence, people) : [readClause(words, { isEnglish: false })];
  });
}

/** @param people named before; those of this sentence are added. */
function readSentence(sentence: string, people: string[]): readonly Clause[] {
  const [, lead = '', rest = ''] = COLON.exec(sentence) ?? [];
  const announcing = readWords(lead);
  const isHedged = isConditional(sentence) || readMood(announcing).isHedged;
  const said = isOfAnother(announcing, rest) ? lead : sentence;
  let before: readonly string[] = [];
  return said
    .replace(SPEECH, ' ')
    .split(CLAUSE_END)
    .map(readWords)
    .flatMap((words, at) => {
      if (words.length === 0) return [];
      const own = findOtherSubject(words);
      if (own.length > 0 && (at === 0 || !isNamesOnly(words))) before = own;
      else if (words.some(isSpeakerSubject)) before = [];
      // `My sister, unlike me, lives in Rome`: a clause without a subject has the one before it.
      const hasOwn = own.length > 0 || isInFirstPerson(words);
      const other = hasOwn ? own : before;
      const refersBack = hasOwn ? own.some(isOtherPronoun) || isPersonOnly(words) : other.length > 0;
      const clause = readClause(words, { isEnglish: true });
      const read = { ...clause, other, people: refersBack ? [...people] : [], isHedged: clause.isHedged || isHedged };
      people.push(...findPeople(words));
      return [read];
    });
}

/** Returns whether words behind a colon are of somebody else: `Ana: I am late`, `translate this: I am late`. */
const isOfAnother = (lead: readonly Word[], rest: string): boolean =>
  isInFirstPerson(readWords(rest)) &&
  !namesSpeaker(lead) &&
  !lead.every((word) => isNeutral(word) || LABELS.has(word.plain));

const readClause = (words: readonly Word[], { isEnglish }: Pick<Clause, 'isEnglish'>): Clause => ({
  ...{ words, isEnglish, ...readMood(words), denials: findDenials(words) },
  ...{ other: [], people: [], isAddressed: isAddressed(words) },
});
