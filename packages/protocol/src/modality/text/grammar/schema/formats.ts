const DATE =
  '[0-9]{4} "-" (("0" [13578] | "1" [02]) "-" ("0" [1-9] | [12] [0-9] | "3" [01]) | ("0" [469] | "11") "-" ("0" [1-9] | [12] [0-9] | "30") | "02-" ("0" [1-9] | "1" [0-9] | "2" [0-8]))';
const CLOCK = '([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9] ":" [0-5] [0-9] ("." [0-9]{1,6})?';
const ZONE = '("Z" | [+-] ("0" [0-9] | "1" [0-4]) ":" [0-5] [0-9])';
const LABEL = '[a-z] ([a-z0-9] | "-" [a-z0-9]){0,30}';
const HOST = `${LABEL} ("." ${LABEL}){1,4}`;
const BYTE = '("25" [0-5] | "2" [0-4] [0-9] | "1" [0-9] [0-9] | [1-9]? [0-9])';

/** Enforced formats of strings. Each rule matches only valid texts of its format, but not all of them. */
export const FORMATS: Readonly<Record<string, string>> = {
  date: DATE,
  time: `${CLOCK} ${ZONE}`,
  'date-time': `${DATE} "T" ${CLOCK} ${ZONE}`,
  uuid: '[0-9a-f]{8} ("-" [0-9a-f]{4}){3} "-" [0-9a-f]{12}',
  email: `[a-z0-9] ([a-z0-9] | [._-] [a-z0-9]){0,30} "@" ${HOST}`,
  hostname: HOST,
  ipv4: `${BYTE} ("." ${BYTE}){3}`,
  uri: `("https" | "http") "://" ${HOST} ("/" [a-zA-Z0-9_-]{1,40}){0,8}`,
};
