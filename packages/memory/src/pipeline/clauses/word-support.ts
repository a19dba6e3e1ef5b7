import { isDenial, isLink, isStopWord, stemWord, type Word } from '../words.ts';
import { CLAUSE_RULES, type ClauseRule } from './clause-rules.ts';
import { type Clause, readClauses } from './clauses.ts';
import { findDenials, readMood } from './mood.ts';
import { keepsPlaces } from './word-places.ts';

/** Share of the content words of a memory that must stand in its quote. */
const MIN_SUPPORTED_SHARE = 0.6;
/** Words behind a denial that it may be about. */
const MAX_DENIED = 2;

export type WordProblem = ClauseRule['refusal'] | 'words';

interface StatedText {
  readonly words: readonly Word[];
  /** Stem of the name of a person that the text is about; undefined for the user or the assistant. */
  readonly name: string | undefined;
  /** With those of its dates. */
  readonly dated: readonly Word[];
  /** It has no comma, `and` or `but`. */
  readonly isOneStatement: boolean;
}

/** Finds why the sentences of a quote that are no questions do not support a text (docs/spec/memory.md#clauses). */
export function findUnsupportedWords(
  { words, dated, name, isOneStatement }: StatedText,
  stated: string,
): WordProblem | undefined {
  const named = words.filter(({ plain, kind }) => kind === 'word' && !isStopWord(plain) && !isDenial(plain));
  const content = named.length > 0 ? named : words.filter(({ kind }) => kind === 'number');
  let clauses = readClauses(stated);
  const stems = new Set(clauses.flatMap((clause) => clause.words).map(({ plain }) => stemWord(plain)));
  const denials = findDenials(words);
  if (denials.length > clauses.flatMap((clause) => clause.denials).length) return 'denial';
  if (content.length === 0) return dated.length > words.length ? undefined : 'words';
  if (!isKnown(content, clauses)) return 'words';
  const text = { words, name, isOneStatement, denials, ...readMood(words) };
  for (const { refusal, allows } of CLAUSE_RULES) {
    clauses = clauses.filter((clause, _, all) => allows(text, clause, all));
    if (!isKnown(content, clauses)) return refusal;
  }
  if (denials.length > 0 && !isDenied(content, clauses)) return 'denial';
  const isPlaced = keepsPlaces(
    dated,
    clauses.map((clause) => clause.words),
    stems,
  );
  return isPlaced ? undefined : 'words';
}

/** Each word stands in the clauses or only links others, and enough of them stand there. */
function isKnown(content: readonly Word[], clauses: readonly Clause[]): boolean {
  const known = new Set(clauses.flatMap(({ words }) => words).map(({ plain }) => stemWord(plain)));
  const missing = content.filter(({ plain }) => !known.has(stemWord(plain)));
  const share = (content.length - missing.length) / content.length;
  return share >= MIN_SUPPORTED_SHARE && missing.every(({ plain }) => isLink(plain));
}

/** Returns whether a denial is about a word of the text: `not for driving` denies nothing about glasses. */
function isDenied(content: readonly Word[], clauses: readonly Clause[]): boolean {
  const denied = clauses.flatMap(({ words, denials }) =>
    denials.flatMap((at) => {
      const behind = words.slice(at + 1).filter(({ plain }) => !isStopWord(plain) && !isLink(plain));
      return (behind.length > 0 ? behind : words).slice(0, MAX_DENIED).map(({ plain }) => stemWord(plain));
    }),
  );
  return content.some(({ plain }) => denied.includes(stemWord(plain)));
}
