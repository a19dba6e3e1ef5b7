const DATE =
  '[0-9]{4} "-" (("0" [13578] | "1" [02]) "-" ("0" [1-9] | [12] [0-9] | "3" [01]) | ("0" [469] | "11") "-" ("0" [1-9] | [12] [0-9] | "30") | "02-" ("0" [1-9] | "1" [0-9] | "2" [0-8]))';
const CLOCK = '([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9] ":" [0-5] [0-9] ("." [0-9]{1,6})?';
const ZONE = '("Z" | [+-] ("0" [0-9] | "1" [0-4]) ":" [0-5] [0-9])';
const LABEL = '[a-z] ([a-z0-9] | "-" [a-z0-9]){0,30}';
const HOST = `${LABEL} ("." ${LABEL}){1,3}`;
/** The end is letters alone, as that of a top-level domain is. */
const SHORT_LABEL = '[a-z] ([a-z0-9] | "-" [a-z0-9]){0,15}';
const MAIL_HOST = `${SHORT_LABEL} ("." ${SHORT_LABEL}){0,2} "." [a-z]{2,10}`;
const BYTE = '("25" [0-5] | "2" [0-4] [0-9] | "1" [0-9] [0-9] | [1-9]? [0-9])';

/** A number with its unit, such as `12M`. */
const count = (unit: string): string => `("0" | [1-9] [0-9]{0,3}) "${unit}"`;
/** Parts of a duration: each may be followed by the next smaller one, and none is passed over (RFC 3339, appendix A). */
const parts = ([unit = '', ...smaller]: readonly string[]): string =>
  smaller.length === 0 ? count(unit) : `${count(unit)} (${parts(smaller)})?`;
const anyOf = (units: readonly string[]): string => `(${units.map((_, i) => parts(units.slice(i))).join(' | ')})`;
const TIME_SPAN = `"T" ${anyOf(['H', 'M', 'S'])}`;
const DURATION = `"P" (${count('W')} | ${anyOf(['Y', 'M', 'D'])} (${TIME_SPAN})? | ${TIME_SPAN})`;

const GROUP = '[0-9a-f]{1,4}';
/** All eight groups, or up to six before `::` and the rest behind it (RFC 4291). */
const IPV6 = [
  `${GROUP} (":" ${GROUP}){7}`,
  `"::" (${GROUP} (":" ${GROUP}){0,5})?`,
  ...[1, 2, 3, 4, 5].map(
    (left) => `${GROUP} (":" ${GROUP}){${left - 1}} "::" (${GROUP} (":" ${GROUP}){0,${5 - left}})?`,
  ),
  `${GROUP} (":" ${GROUP}){5} "::" ${GROUP}?`,
].join(' | ');

interface Format {
  readonly rule: string;
  /** Lengths of the shortest and of the longest text of the rule, in characters. */
  readonly shortest: number;
  readonly longest: number;
}

/** Enforced formats of strings. Each rule matches only valid texts of its format, but not all of them. */
export const FORMATS: Readonly<Record<string, Format>> = {
  date: { rule: DATE, shortest: 10, longest: 10 },
  time: { rule: `${CLOCK} ${ZONE}`, shortest: 9, longest: 21 },
  'date-time': { rule: `${DATE} "T" ${CLOCK} ${ZONE}`, shortest: 20, longest: 32 },
  duration: { rule: DURATION, shortest: 3, longest: 32 },
  uuid: { rule: '[0-9a-f]{8} ("-" [0-9a-f]{4}){3} "-" [0-9a-f]{12}', shortest: 36, longest: 36 },
  email: {
    rule: `[a-z0-9] ([a-z0-9] | [._-] [a-z0-9]){0,15} "@" ${MAIL_HOST}`,
    ...{ shortest: 6, longest: 138 },
  },
  hostname: { rule: HOST, shortest: 3, longest: 247 },
  ipv4: { rule: `${BYTE} ("." ${BYTE}){3}`, shortest: 7, longest: 15 },
  ipv6: { rule: `(${IPV6})`, shortest: 2, longest: 39 },
  uri: { rule: `("https" | "http") "://" ${HOST} ("/" [a-zA-Z0-9_-]{1,40}){0,8}`, shortest: 10, longest: 583 },
};
