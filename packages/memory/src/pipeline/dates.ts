/** Days from the first to the last one, as `2026-05-08`. */
export interface DayRange {
  readonly from: string;
  readonly to: string;
}

const DAY_MS = 86_400_000;
const WEEKDAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];
const MONTHS = [
  ...['january', 'february', 'march', 'april', 'may', 'june', 'july'],
  ...['august', 'september', 'october', 'november', 'december'],
];
const COUNTS = ['a', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten', 'eleven', 'twelve'];

const MONTH = MONTHS.join('|');
const COUNT = `\\d{1,3}|an|${COUNTS.join('|')}`;
const RELATIVE = new RegExp(
  [
    '\\b(?:day before yesterday|day after tomorrow|yesterday|last night|tomorrow|today|tonight|this (?:morning|afternoon|evening))\\b',
    `\\b(?<count>${COUNT}) (?<unit>day|week|month|year)s? ago\\b`,
    `\\bin (?<ahead>${COUNT}) (?<aheadUnit>day|week|month|year)s?\\b`,
    `\\b(?<which>last|this|next) (?<period>week|month|year|${WEEKDAYS.join('|')})\\b`,
  ].join('|'),
  'g',
);
const FIXED_DAYS: Readonly<Record<string, number>> = {
  'day before yesterday': -2,
  'day after tomorrow': 2,
  yesterday: -1,
  'last night': -1,
  tomorrow: 1,
};
const ABSOLUTE = new RegExp(
  [
    '\\b(?<iso>\\d{4}-\\d{2}(?:-\\d{2})?)\\b',
    `\\b(?<day>\\d{1,2})(?:st|nd|rd|th)?(?: of)? (?<month>${MONTH})(?:,? (?<year>\\d{4}))?\\b`,
    `\\b(?<month2>${MONTH}) (?<day2>\\d{1,2})(?:st|nd|rd|th)?(?:,? (?<year2>\\d{4}))?\\b`,
    `\\b(?<month3>${MONTH}),? (?<year3>\\d{4})\\b`,
    '\\b(?<year4>(?:19|20)\\d{2})\\b',
  ].join('|'),
  'gi',
);

/**
 * Finds the times that words such as `two weeks ago` mean (docs/spec/memory.md#dates).
 * @param day the day of the text, as `2026-05-08`.
 */
export function resolveDates(text: string, day: string): readonly DayRange[] {
  const plain = text.toLowerCase().replace(/\s+/g, ' ');
  return [...plain.matchAll(RELATIVE)].map((match) => resolveOne(match, day));
}

function resolveOne({ 0: words, groups = {} }: RegExpMatchArray, day: string): DayRange {
  const { count, unit, ahead, aheadUnit, which, period } = groups;
  if (count !== undefined) return shift(day, unit as string, -readCount(count));
  if (ahead !== undefined) return shift(day, aheadUnit as string, readCount(ahead));
  if (which === undefined) return toDay(addDays(day, FIXED_DAYS[words] ?? 0));
  const weekday = WEEKDAYS.indexOf(period as string);
  if (weekday >= 0) return toDay(addDays(day, toWeekday(day, weekday, which)));
  return shift(day, period as string, { last: -1, this: 0, next: 1 }[which] as number);
}

/** Days to the weekday: the last one before `day`, the first one after it, or for `this` the first one from `day` on. */
function toWeekday(day: string, weekday: number, which: string): number {
  const ahead = (weekday - new Date(`${day}T00:00:00Z`).getUTCDay() + 7) % 7;
  if (which === 'last') return ahead - 7;
  return which === 'next' && ahead === 0 ? 7 : ahead;
}

/** Ranges are as wide as their unit: `a month ago` is a calendar month, and weeks begin on Monday. */
function shift(day: string, unit: string, count: number): DayRange {
  const [year, month] = day.split('-').map(Number) as [number, number];
  if (unit === 'day') return toDay(addDays(day, count));
  if (unit === 'year') return { from: writeDay(year + count, 0, 1), to: writeDay(year + count, 12, 0) };
  if (unit === 'month') return { from: writeDay(year, month - 1 + count, 1), to: writeDay(year, month + count, 0) };
  const monday = addDays(day, 7 * count - ((new Date(`${day}T00:00:00Z`).getUTCDay() + 6) % 7));
  return { from: monday, to: addDays(monday, 6) };
}

const readCount = (word: string): number => (/^\d/.test(word) ? Number(word) : Math.max(1, COUNTS.indexOf(word)));
const toDay = (day: string): DayRange => ({ from: day, to: day });
const writeDay = (year: number, month: number, day: number): string =>
  new Date(Date.UTC(year, month, day)).toISOString().slice(0, 10);
const addDays = (day: string, count: number): string =>
  new Date(Date.parse(`${day}T00:00:00Z`) + count * DAY_MS).toISOString().slice(0, 10);

/** Writes a range: `2026-05-07`, `2026-05`, `2026`, or `2026-05-04 to 2026-05-10`. */
export function formatDays({ from, to }: DayRange): string {
  if (from === to) return from;
  const [year, month] = from.split('-').map(Number) as [number, number];
  if (from === writeDay(year, 0, 1) && to === writeDay(year, 12, 0)) return from.slice(0, 4);
  if (from === writeDay(year, month - 1, 1) && to === writeDay(year, month, 0)) return from.slice(0, 7);
  return `${from} to ${to}`;
}

/** A date that a text names, and its place. */
export interface NamedDate {
  readonly start: number;
  readonly end: number;
  /** As `2026-05-08`, `2026-05` or `2026`; `--05-08` without a year. */
  readonly date: string;
}

/** Finds dates such as `7 May 2026`, `May 7`, `May 2026`, `2026-05-07` and `2026`. */
export const findNamedDates = (text: string): readonly NamedDate[] =>
  [...text.matchAll(ABSOLUTE)].map((match) => ({
    ...{ start: match.index, end: match.index + match[0].length },
    date: readNamed(match.groups as Readonly<Record<string, string | undefined>>),
  }));

function readNamed(groups: Readonly<Record<string, string | undefined>>): string {
  if (groups.iso !== undefined) return groups.iso;
  const year = groups.year ?? groups.year2 ?? groups.year3 ?? groups.year4;
  const name = groups.month ?? groups.month2 ?? groups.month3;
  if (name === undefined) return year as string;
  const month = `${MONTHS.indexOf(name.toLowerCase()) + 1}`.padStart(2, '0');
  const day = groups.day ?? groups.day2;
  return `${year ?? '-'}-${month}${day === undefined ? '' : `-${day.padStart(2, '0')}`}`;
}

/** Returns whether a named date is a time that the quote names or means. */
export function isSupportedDate(date: string, quoted: readonly NamedDate[], meant: readonly DayRange[]): boolean {
  const isIn = (whole: string): boolean =>
    whole === date || whole.startsWith(`${date}-`) || whole.slice(4) === date.slice(1);
  if (quoted.some((one) => isIn(one.date))) return true;
  return meant.some(({ from, to }) => {
    const ends = date.startsWith('-') ? [from.slice(4), to.slice(4)].map((end) => `-${end}`) : [from, to];
    return ends.every((end) => end === date || end.startsWith(`${date}-`));
  });
}

/** Returns the weekday of each meant day, in lower case. */
export const listWeekdays = (meant: readonly DayRange[]): readonly string[] =>
  meant
    .filter(({ from, to }) => from === to)
    .map(({ from }) => WEEKDAYS[new Date(`${from}T00:00:00Z`).getUTCDay()] as string);
