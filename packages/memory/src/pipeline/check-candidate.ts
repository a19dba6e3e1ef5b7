import type { Category, MemoryType } from '../memory.ts';
import { formatDays, resolveDates } from './dates.ts';
import { type Candidate, MAX_MEMORY_TEXT } from './extraction-prompt.ts';
import { findUnsupported, type SupportProblem } from './support.ts';
import type { Turn } from './turns.ts';
import { normaliseText } from './words.ts';

/**
 * Why a candidate is refused. `form`: it is not of the schema. `quote`: its sentences do not exist, are of several turns, or do not stand
 * together in the message. `subject`: its subject is neither the speaker nor a name in the quote. The others name an unsupported part.
 */
export type CandidateRefusal = 'form' | 'quote' | 'subject' | SupportProblem;

/** A candidate whose checks passed. */
export interface SupportedCandidate {
  /** With the resolved date behind it, if the candidate says a time. */
  readonly text: string;
  readonly type: MemoryType;
  readonly categories: readonly Category[];
  /** `user`, `assistant`, or a name. */
  readonly subject: string;
  readonly words: string;
  readonly turn: Pick<Turn, 'message' | 'role' | 'day'>;
}

/** Turns without the message, for a reader that has the model's request alone. */
type QuotedTurn = Omit<Turn, 'content'> & Partial<Pick<Turn, 'content'>>;

/** Checks a candidate without a model (docs/spec/memory.md#candidate-checks). */
export function checkCandidate(
  candidate: Candidate,
  turns: readonly QuotedTurn[],
): { readonly supported: SupportedCandidate } | { readonly refusal: CandidateRefusal } {
  const { subject, when, type, categories } = candidate;
  const found = findQuote(candidate, turns);
  if (found === undefined) return { refusal: 'quote' };
  const { words, turn } = found;
  if (!isSubject(candidate, found)) return { refusal: 'subject' };
  if (when !== undefined && !includesWords(words, when)) return { refusal: 'date' };
  const refusal = findUnsupported(candidate.text, { words, day: turn.day });
  if (refusal !== undefined) return { refusal };
  const text = addDate(candidate, turn.day);
  if (text.length > MAX_MEMORY_TEXT) return { refusal: 'form' };
  const { message, role, day } = turn;
  return { supported: { text, type, categories, subject: toSubject(subject), words, turn: { message, role, day } } };
}

/** The words of the sentences, as they stand in the message. */
function findQuote({ first, last }: Candidate, turns: readonly QuotedTurn[]) {
  const turn = turns.find(({ sentences }) => sentences.some(({ n }) => n === first));
  const sentences = turn?.sentences.filter(({ n }) => n >= first && n <= last) ?? [];
  if (turn === undefined || last < first || sentences.length !== last - first + 1) return undefined;
  const words = sentences
    .map(({ text }) => text)
    .join('')
    .trim();
  // Sentences around a removed text do not stand together.
  if (turn.content !== undefined && !turn.content.includes(words)) return undefined;
  return { words, turn };
}

const ROLES = ['user', 'assistant'] as const;
const SPEAKER = /^(?:the )?(user|assistant)$/i;

/** `The user` is `user`; names stay as they are. */
const toSubject = (subject: string): string => SPEAKER.exec(subject)?.[1]?.toLowerCase() ?? subject;

/** A text about a speaker needs a quote of that speaker. A text about a person names that person. */
function isSubject({ subject, text }: Candidate, { words, turn }: { words: string; turn: QuotedTurn }): boolean {
  const named = toSubject(subject);
  const begins = ROLES.find((role) => new RegExp(`^(?:the )?${role}\\b`, 'i').test(text));
  if (turn.role !== 'user' && includesWords(text, 'user')) return false;
  if (named === 'user' || named === 'assistant') return named === turn.role && (begins ?? named) === named;
  return begins === undefined && includesWords(words, named) && includesWords(text, named);
}

/** Returns whether words stand in a text one after the other, whatever their case and punctuation. */
function includesWords(text: string, words: string): boolean {
  const wanted = normaliseText(words);
  return wanted !== '' && ` ${normaliseText(text)} `.includes(` ${wanted} `);
}

/** Adds the day that words such as `last week` mean, because a reader of the memory does not know the day of the message. */
function addDate({ text, when }: Candidate, day: string): string {
  const [meant] = when === undefined ? [] : resolveDates(when, day);
  if (meant === undefined) return text;
  const date = formatDays(meant);
  return text.includes(date) ? text : `${text} (${date})`;
}
