import { keepsLead } from './clause-lead.ts';
import type { Mood } from './clause-mood.ts';
import { isOtherPronoun, isPerson } from './clause-subject.ts';
import { makesPresent } from './clause-tense.ts';
import type { Clause } from './clauses.ts';
import { repeatsSentence } from './language.ts';
import { isOfName } from './named-subject.ts';
import { stemWord, type Word } from './words.ts';

/** A proposed text, compared with one clause after the other. */
export interface ComparedText extends Mood {
  readonly words: readonly Word[];
  /** Stem of a person's name; undefined for a text about the user or the assistant. */
  readonly name: string | undefined;
  readonly denials: number;
}

export interface ClauseRule {
  /** The refusal of a text that loses its support by this rule. */
  readonly refusal: 'language' | 'subject' | 'denial';
  /** Returns whether a clause may support a text. */
  readonly allows: (text: ComparedText, clause: Clause) => boolean;
}

const isOfSpeaker = ({ words }: ComparedText): boolean =>
  words.some(({ plain }) => plain === 'user' || plain === 'assistant');

/** Returns whether a text names the subject of a clause that is not the speaker, or a relative or friend whom it refers back to. */
function namesOther({ words }: ComparedText, { other, people }: Clause): boolean {
  const named = words.flatMap(({ plain }) => [plain, stemWord(plain)]);
  return [...other.filter((one) => !isOtherPronoun(one)), ...people.filter(isPerson)].some((one) => named.includes(one));
}

const COORDINATORS = new Set(['and', 'but']);
const isCoordinated = ({ words }: ComparedText): boolean => words.some(({ plain }) => COORDINATORS.has(plain));

/** The rules of docs/spec/memory.md#clauses, in their order. */
export const CLAUSE_RULES: readonly ClauseRule[] = [
  { refusal: 'language', allows: ({ words }, clause) => clause.isEnglish || repeatsSentence(words, clause.words) },
  { refusal: 'subject', allows: (text, { isAddressed }) => !isOfSpeaker(text) || !isAddressed },
  {
    refusal: 'subject',
    allows: (text, clause) => !isOfSpeaker(text) || clause.other.length === 0 || namesOther(text, clause),
  },
  {
    refusal: 'subject',
    allows: ({ name, words }, clause) => name === undefined || !clause.isEnglish || isOfName(name, words, clause),
  },
  { refusal: 'denial', allows: ({ denials }, clause) => denials >= clause.denials.length },
  {
    refusal: 'denial',
    allows: (text, clause) => text.denials === 0 || clause.denials.length > 0 || isCoordinated(text),
  },
  { refusal: 'denial', allows: ({ isHedged }, clause) => isHedged || !clause.isHedged },
  { refusal: 'denial', allows: ({ isLoss }, clause) => isLoss || !clause.isLoss },
  {
    refusal: 'denial',
    allows: (text, { other, words }) => !isOfSpeaker(text) || other.length > 0 || keepsLead(text.words, words),
  },
  { refusal: 'denial', allows: ({ words }, clause) => !makesPresent(words, clause.words) },
];
