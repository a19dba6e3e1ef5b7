import { findUnsupportedWords, type WordProblem } from './clauses/word-support.ts';
import { type DayRange, findNamedDates, isSupportedDate, listWeekdays, type NamedDate, resolveDates } from './dates.ts';
import { isCapitalised, isStopWord, readWords, stemWord, type Word } from './words.ts';

/** The part of a memory that its quote does not support. */
export type SupportProblem = 'date' | 'number' | 'name' | WordProblem;

export interface DatedQuote {
  /** Its sentences that are no questions: a question supports no statement. */
  readonly stated: string;
  /** Day of the message, as `2026-05-08`. */
  readonly day: string;
}

/**
 * Finds the first part of a text that its quote does not support (docs/spec/memory.md#candidate-checks). Each number, date and proper name
 * must stand in the quote, or be the time that its words mean. So must each content word that does more than link others.
 * @param name of the person that the text is about; undefined for the user or the assistant.
 */
export function findUnsupported(
  { text, name }: { readonly text: string; readonly name: string | undefined },
  quote: DatedQuote,
): SupportProblem | undefined {
  const meant = resolveDates(quote.stated, quote.day);
  const problem = findUnsupportedFact(text, quote.stated, meant);
  if (problem !== undefined) return problem;
  const weekdays = listWeekdays(meant);
  const read = (part: string): readonly Word[] => readWords(part).filter(({ plain }) => !weekdays.includes(plain));
  const words = read(blankDates(text, findNamedDates(text)));
  const [first] = readWords(name ?? '');
  const stem = first === undefined ? undefined : stemWord(first.plain);
  const isOneStatement = !/[,;]|\b(?:and|but)\b/iu.test(text);
  return findUnsupportedWords({ words, dated: read(text), name: stem, isOneStatement }, quote.stated);
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
