const DAY_MS = 24 * 60 * 60 * 1000;
const MONTHS = 'January February March April May June July August September October November December'.split(' ');
const WEEKDAYS = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ');

const two = (value: number): string => String(value).padStart(2, '0');
const month = (date: Date): string => MONTHS[date.getUTCMonth()] as string;
const weekday = (date: Date): string => WEEKDAYS[date.getUTCDay()] as string;
/** The day of the year, from 0. */
const yearDay = (date: Date): number => Math.floor((date.getTime() - Date.UTC(date.getUTCFullYear(), 0)) / DAY_MS);
/** The week of the year, from the first day of the week that is given. Days before it are week 0. */
const week = (date: Date, firstDay: number): number =>
  Math.floor((yearDay(date) + 7 - ((date.getUTCDay() - firstDay + 7) % 7)) / 7);

/** Parts of a date by the letters of C's strftime. English and UTC on every machine; its hours, minutes and seconds are 0. */
const PARTS: Readonly<Record<string, (date: Date) => string>> = {
  Y: (date) => String(date.getUTCFullYear()),
  C: (date) => two(Math.floor(date.getUTCFullYear() / 100)),
  y: (date) => two(date.getUTCFullYear() % 100),
  m: (date) => two(date.getUTCMonth() + 1),
  d: (date) => two(date.getUTCDate()),
  e: (date) => String(date.getUTCDate()).padStart(2, ' '),
  j: (date) => String(yearDay(date) + 1).padStart(3, '0'),
  B: month,
  b: (date) => month(date).slice(0, 3),
  h: (date) => month(date).slice(0, 3),
  A: weekday,
  a: (date) => weekday(date).slice(0, 3),
  u: (date) => String(date.getUTCDay() || 7),
  w: (date) => String(date.getUTCDay()),
  U: (date) => two(week(date, 0)),
  W: (date) => two(week(date, 1)),
  H: () => '00',
  I: () => '12',
  M: () => '00',
  S: () => '00',
  p: () => 'AM',
  Z: () => 'UTC',
  z: () => '+0000',
  '%': () => '%',
  n: () => '\n',
  t: () => '\t',
  D: (date) => formatDate(date, '%m/%d/%y'),
  x: (date) => formatDate(date, '%m/%d/%y'),
  F: (date) => formatDate(date, '%Y-%m-%d'),
  T: () => '00:00:00',
  X: () => '00:00:00',
  R: () => '00:00',
  r: () => '12:00:00 AM',
  c: (date) => formatDate(date, '%a %b %e %H:%M:%S %Y'),
};

function formatDate(date: Date, format: string): string {
  return format.replaceAll(/%(-?)([A-Za-z%])/g, (directive, sign: string, letter: string) => {
    const part = PARTS[letter]?.(date);
    if (part === undefined) return directive;
    // As in glibc: the sign removes what fills a number up.
    return sign === '' ? part : part.replace(/^[0 ]+(?=\d)/, '');
  });
}

/**
 * A day as `strftime` of glibc would write its midnight. Directives that are not known stay as they are.
 * @param day days since 1970-01-01 UTC.
 */
export const formatDay = (day: number, format: string): string => formatDate(new Date(day * DAY_MS), format);
