import { stemWord, type Word } from '../words.ts';
import type { Clause } from './clauses.ts';
import { repeatsSentence } from './language.ts';
import { keepsLead } from './lead.ts';
import type { Mood } from './mood.ts';
import { isOfName } from './named-subject.ts';
import { findPeople, isOtherPronoun, isPerson, isPersonOnly, namesSpeaker } from './subject.ts';
import { makesPresent } from './tense.ts';

/** A proposed text, compared with one clause after the other. */
interface ComparedText extends Mood {
  readonly words: readonly Word[];
  /** Stem of a person's name; undefined for a text about the user or the assistant. */
  readonly name: string | undefined;
  /** It has no comma, `and` or `but`. */
  readonly isOneStatement: boolean;
  /** Places of the words that deny. */
  readonly denials: readonly number[];
}

export interface ClauseRule {
  /** The refusal of a text that loses its support by this rule. */
  readonly refusal: 'language' | 'subject' | 'denial';
  /** Returns whether a clause may support a text. @param clauses those that the rules before allow. */
  readonly allows: (text: ComparedText, clause: Clause, clauses: readonly Clause[]) => boolean;
}

const isOfSpeaker = ({ words }: ComparedText): boolean =>
  words.some(({ plain }) => plain === 'user' || plain === 'assistant');

const JOINING = new Set(['and', 'with']);

/**
 * Returns whether a text names the subject of a clause that is not the speaker, or a relative or friend whom it refers back to. The name
 * alone is enough in `My friend Ana and I`.
 */
function namesOther({ words }: ComparedText, { words: clause, other, people }: Clause): boolean {
  const named = words.flatMap(({ plain }) => [plain, stemWord(plain)]);
  const isJoined = isPersonOnly(clause) && words.some(({ plain }) => JOINING.has(plain));
  const joined = isJoined ? findPeople(clause) : [];
  const subjects = [...other.filter((one) => !isOtherPronoun(one)), ...people.filter(isPerson), ...joined];
  return subjects.some((one) => named.includes(one));
}

/**
 * Refuses a clause with a denial, a hedge or a loss to a text without, and one without to a text with it. The second refusal needs another
 * clause that has it, and a text of one statement.
 */
const agrees =
  (has: (stated: ComparedText | Clause) => boolean): ClauseRule['allows'] =>
  (text, clause, clauses) => {
    if (has(clause) || !has(text)) return has(clause) === has(text);
    return !text.isOneStatement || !clauses.some(has);
  };

/** The same, but a clause without `I` or `we` goes on with a list: `I want tea, soap and salt`. */
const agreesBesideLists =
  (has: (stated: ComparedText | Clause) => boolean): ClauseRule['allows'] =>
  (text, clause, clauses) =>
    (!has(clause) && !namesSpeaker(clause.words)) || agrees(has)(text, clause, clauses);

/** The rules of docs/spec/memory.md#clauses, in their order, each with a clause that it refuses to a text. */
export const CLAUSE_RULES: readonly ClauseRule[] = [
  // `Ich wohne nicht in Berlin`: `The user wohne in Berlin`
  { refusal: 'language', allows: ({ words }, clause) => clause.isEnglish || repeatsSentence(words, clause.words) },
  // `The user trusts Acme`, `You are a poet`: `The user is a poet`
  { refusal: 'subject', allows: (text, { isAddressed }) => !isOfSpeaker(text) || !isAddressed },
  // `My sister works`: `The user works`
  {
    refusal: 'subject',
    allows: (text, clause) =>
      !isOfSpeaker(text) || text.name !== undefined || clause.other.length === 0 || namesOther(text, clause),
  },
  // `Bruno pays Ana`: `Ana pays Bruno`
  {
    refusal: 'subject',
    allows: ({ name, words }, clause) => name === undefined || !clause.isEnglish || isOfName(name, words, clause),
  },
  // `I could not live without tea`: `The user lives without tea`
  { refusal: 'denial', allows: ({ denials }, clause) => denials.length >= clause.denials.length },
  // `I never smoke`: `The user smokes`
  { refusal: 'denial', allows: agrees(({ denials }) => denials.length > 0) },
  // `If I moved to Rome`: `The user moved to Rome`
  { refusal: 'denial', allows: agreesBesideLists(({ isHedged }) => isHedged) },
  // `I sold my boat`: `The user has a boat`
  { refusal: 'denial', allows: agreesBesideLists(({ isLoss }) => isLoss) },
  // `I turned down a job`: `The user has a job`
  {
    refusal: 'denial',
    allows: (text, { other, words }) => !isOfSpeaker(text) || other.length > 0 || keepsLead(text.words, words),
  },
  // `I lived in Rome`: `The user lives in Rome`
  { refusal: 'denial', allows: ({ words }, clause) => !makesPresent(words, clause.words) },
];
