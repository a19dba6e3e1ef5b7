import type { Category, MemoryType } from '../memory.ts';
import { isInFirstPerson } from './clauses/subject.ts';
import { formatDays, resolveDates } from './dates.ts';
import { MAX_MEMORY_TEXT, type MemoryCandidate } from './extraction-prompt.ts';
import { findUnsupported, type SupportProblem } from './support.ts';
import type { ConversationTurn, NumberedSentence } from './turns.ts';
import { normaliseText, readWords } from './words.ts';

/**
 * Why a candidate is refused. `form`: it is not of the schema. `quote`: its sentences do not exist, are of several turns, are too many, or
 * do not stand together in the message. `question`: they only ask. `subject`: its subject is neither the speaker nor a name in the quote.
 * The others name an unsupported part.
 */
export type CandidateRefusal = 'form' | 'quote' | 'question' | 'subject' | SupportProblem;

/** Sentences of the longest quote. A longer one holds words enough for many facts. */
const MAX_QUOTED = 8;

/** A candidate whose checks passed. */
export interface SupportedCandidate {
  /** With the resolved date behind it, if the candidate says a time. */
  readonly text: string;
  readonly type: MemoryType;
  readonly categories: readonly Category[];
  /** `user`, `assistant`, or a name. */
  readonly subject: string;
  readonly words: string;
  readonly turn: Pick<ConversationTurn, 'message' | 'role' | 'day'>;
}

/** Turns without the message, for a reader that has the model's request alone. */
type QuotedTurn = Omit<ConversationTurn, 'content'> & Partial<Pick<ConversationTurn, 'content'>>;

/** Checks a candidate without a model (docs/spec/memory.md#candidate-checks). */
export function checkCandidate(
  candidate: MemoryCandidate,
  turns: readonly QuotedTurn[],
): { readonly supported: SupportedCandidate } | { readonly refusal: CandidateRefusal } {
  const { subject, when, type, categories } = candidate;
  const found = findQuote(candidate, turns);
  if (found === undefined) return { refusal: 'quote' };
  const { words, stated, turn } = found;
  if (stated === '') return { refusal: 'question' };
  if (!isSubject(candidate, found)) return { refusal: 'subject' };
  if (when !== undefined && !includesWords(words, when)) return { refusal: 'date' };
  const named = toSubject(subject);
  const name = named === 'user' || named === 'assistant' ? undefined : named;
  const refusal = findUnsupported({ text: candidate.text, name }, { stated, day: turn.day });
  if (refusal !== undefined) return { refusal };
  const text = addDate(candidate, turn.day);
  if (text.length > MAX_MEMORY_TEXT) return { refusal: 'form' };
  const { message, role, day } = turn;
  return { supported: { text, type, categories, subject: named, words, turn: { message, role, day } } };
}

const QUESTION = /[?？][!?！？…]*["'”’)\]»」』]*\s*$/;

const joinTexts = (sentences: readonly NumberedSentence[]): string =>
  sentences
    .map(({ text }) => text)
    .join('')
    .trim();

/** The words of the sentences, as they stand in the message. */
function findQuote({ first, last }: MemoryCandidate, turns: readonly QuotedTurn[]) {
  const turn = turns.find(({ sentences }) => sentences.some(({ n }) => n === first));
  const sentences = turn?.sentences.filter(({ n }) => n >= first && n <= last) ?? [];
  const count = last - first + 1;
  if (turn === undefined || count < 1 || count > MAX_QUOTED || sentences.length !== count) return undefined;
  const words = joinTexts(sentences);
  // Sentences around a removed text do not stand together.
  if (turn.content !== undefined && !turn.content.includes(words)) return undefined;
  return { words, stated: joinTexts(sentences.filter(({ text }) => !QUESTION.test(text))), turn };
}

const ROLES = ['user', 'assistant'] as const;
const SPEAKER = /^(?:the )?(user|assistant)$/i;

/** `The user` is `user`; names stay as they are. */
const toSubject = (subject: string): string => SPEAKER.exec(subject)?.[1]?.toLowerCase() ?? subject;

/** A text about a speaker names it and quotes it. A text about another person names that person and quotes the user. */
function isSubject({ subject, text }: MemoryCandidate, { words, turn }: { words: string; turn: QuotedTurn }): boolean {
  const named = toSubject(subject);
  const begins = ROLES.find((role) => new RegExp(`^(?:the )?${role}\\b`, 'i').test(text));
  if (turn.role !== 'user' && includesWords(text, 'user')) return false;
  if (named === 'user' || named === 'assistant')
    return named === turn.role && (begins ?? named) === named && includesWords(text, named);
  const isNamed = includesWords(words, named) && includesWords(text, named);
  const isTied = !includesWords(text, 'user') || isInFirstPerson(readWords(words));
  return turn.role === 'user' && begins === undefined && isNamed && isTied;
}

/** Returns whether words stand in a text one after the other, whatever their case and punctuation. */
function includesWords(text: string, words: string): boolean {
  const wanted = normaliseText(words);
  return wanted !== '' && ` ${normaliseText(text)} `.includes(` ${wanted} `);
}

/** Adds the day that words such as `last week` mean, because a reader of the memory does not know the day of the message. */
function addDate({ text, when }: MemoryCandidate, day: string): string {
  const [meant] = when === undefined ? [] : resolveDates(when, day);
  if (meant === undefined) return text;
  const date = formatDays(meant);
  return text.includes(date) ? text : `${text} (${date})`;
}
