const DAY_MS = 24 * 60 * 60 * 1000;
const MONTHS = 'January February March April May June July August September October November December'.split(' ');
const WEEKDAYS = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ');

const two = (value: number): string => String(value).padStart(2, '0');

/** Parts of a date by the letters of C's strftime. English and UTC on every machine; its hours, minutes and seconds are 0. */
const PARTS: Readonly<Record<string, (date: Date) => string>> = {
  Y: (date) => String(date.getUTCFullYear()),
  y: (date) => two(date.getUTCFullYear() % 100),
  m: (date) => two(date.getUTCMonth() + 1),
  d: (date) => two(date.getUTCDate()),
  e: (date) => String(date.getUTCDate()).padStart(2, ' '),
  B: (date) => MONTHS[date.getUTCMonth()] as string,
  b: (date) => (MONTHS[date.getUTCMonth()] as string).slice(0, 3),
  A: (date) => WEEKDAYS[date.getUTCDay()] as string,
  a: (date) => (WEEKDAYS[date.getUTCDay()] as string).slice(0, 3),
  H: () => '00',
  M: () => '00',
  S: () => '00',
  '%': () => '%',
};

/**
 * A day as `strftime` would write its midnight. Directives that are not known stay as they are.
 * @param day days since 1970-01-01 UTC.
 */
export function formatDay(day: number, format: string): string {
  const date = new Date(day * DAY_MS);
  return format.replaceAll(/%([A-Za-z%])/g, (directive, letter: string) => PARTS[letter]?.(date) ?? directive);
}
