import { type Clause, countDenials, hasHedge, readClauses } from './clauses.ts';
import { type DayRange, findNamedDates, isSupportedDate, listWeekdays, type NamedDate, resolveDates } from './dates.ts';
import { isCapitalised, isDenial, isLink, isStopWord, readWords, stemWord, type Word } from './words.ts';

/** Share of the content words of a memory that must stand in its quote. */
const MIN_SUPPORTED_SHARE = 0.6;

/** The part of a memory that its quote does not support. */
export type SupportProblem = 'date' | 'number' | 'name' | 'denial' | 'subject' | 'words';

export interface DatedQuote {
  readonly words: string;
  /** Its sentences that are no questions: a question supports no statement. */
  readonly stated: string;
  /** Day of the message, as `2026-05-08`. */
  readonly day: string;
}

/**
 * Finds the first part of a text that its quote does not support (docs/spec/memory.md#candidate-checks). Each number, date and proper name
 * must stand in the quote, or be the time that its words mean. So must each content word that does more than link others.
 */
export function findUnsupported(text: string, quote: DatedQuote): SupportProblem | undefined {
  const meant = resolveDates(quote.words, quote.day);
  const problem = findUnsupportedFact(text, quote.words, meant);
  if (problem !== undefined) return problem;
  const dates = findNamedDates(text);
  const weekdays = listWeekdays(meant);
  const words = readWords(blankDates(text, dates)).filter(({ plain }) => !weekdays.includes(plain));
  return findUnsupportedWords(words, quote.stated, dates.length > 0);
}

/**
 * Finds the first date, number or name of a text that does not stand in a source.
 * @param meant times that words of the source mean.
 */
export function findUnsupportedFact(
  text: string,
  source: string,
  meant: readonly DayRange[],
): 'date' | 'number' | 'name' | undefined {
  const dates = findNamedDates(text);
  const sourceDates = findNamedDates(source);
  if (!dates.every(({ date }) => isSupportedDate(date, sourceDates, meant))) return 'date';
  const words = readWords(blankDates(text, dates));
  const known = readWords(source);
  if (!hasNumbers(words, known)) return 'number';
  return hasNames(words, known, meant) ? undefined : 'name';
}

function blankDates(text: string, dates: readonly NamedDate[]): string {
  let blank = text;
  for (const { start, end } of dates.toReversed()) blank = `${blank.slice(0, start)} ${blank.slice(end)}`;
  return blank;
}

const listPlain = (words: readonly Word[], kind: Word['kind']): ReadonlySet<string> =>
  new Set(words.filter((word) => word.kind === kind).map(({ plain }) => plain));

function hasNumbers(words: readonly Word[], quoted: readonly Word[]): boolean {
  const known = listPlain(quoted, 'number');
  return [...listPlain(words, 'number')].every((number) => known.has(number));
}

/** The first word begins with a capital letter in any case, so it may also be a word without content. */
function hasNames(words: readonly Word[], quoted: readonly Word[], meant: readonly DayRange[]): boolean {
  const known = new Set([...quoted.map(({ plain }) => stemWord(plain)), ...listWeekdays(meant).map(stemWord)]);
  return words.every((word, index) => {
    const { plain } = word;
    if (!isCapitalised(word) || known.has(stemWord(plain))) return true;
    return plain === 'user' || plain === 'assistant' || (index === 0 && isStopWord(plain));
  });
}

/** A clause supports only texts about its subject, and a denied or hedged one only texts that are so too. */
function findUnsupportedWords(words: readonly Word[], stated: string, hasDate: boolean): SupportProblem | undefined {
  const clauses = readClauses(stated);
  const denials = countDenials(words);
  if (denials > clauses.reduce((sum, clause) => sum + clause.denials, 0)) return 'denial';
  const content = words.filter(({ plain, kind }) => kind === 'word' && !isStopWord(plain) && !isDenial(plain));
  if (content.length === 0) return hasDate || words.some(({ kind }) => kind === 'number') ? undefined : 'words';
  const about = clauses.filter((clause) => isAbout(words, clause));
  const isHedged = hasHedge(words);
  const used = about.filter((clause) => (denials > 0 || clause.denials === 0) && (isHedged || !clause.isHedged));
  if (isKnown(content, used)) return undefined;
  if (isKnown(content, about)) return 'denial';
  return isKnown(content, clauses) ? 'subject' : 'words';
}

/** Returns whether a text may be about the subject of a clause. */
function isAbout(words: readonly Word[], { other, isAddressed }: Clause): boolean {
  const isOfSpeaker = words.some(({ plain }) => plain === 'user' || plain === 'assistant');
  if (!isOfSpeaker) return true;
  const stems = words.map(({ plain }) => stemWord(plain));
  return !isAddressed && (other.length === 0 || other.some((stem) => stems.includes(stem)));
}

/** Each word stands in the clauses or only links others, and enough of them stand there. */
function isKnown(content: readonly Word[], clauses: readonly Clause[]): boolean {
  const known = new Set(clauses.flatMap((clause) => clause.words).map(({ plain }) => stemWord(plain)));
  const missing = content.filter(({ plain }) => !known.has(stemWord(plain)));
  const share = (content.length - missing.length) / content.length;
  return share >= MIN_SUPPORTED_SHARE && missing.every(({ plain }) => isLink(plain));
}
