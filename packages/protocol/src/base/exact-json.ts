import { ProtocolError } from './bytes.ts';
import { isLongNumber, MAX_JSON_DEPTH } from './json.ts';

/**
 * A value of JSON with nothing lost. A whole number is a `bigint` of any size, and any other number a `number`. An object is a
 * `Map`: a JavaScript object moves keys that look like numbers to its front.
 */
export type ExactJson =
  | null
  | boolean
  | string
  | bigint
  | number
  | readonly ExactJson[]
  | ReadonlyMap<string, ExactJson>;

/** Digits of a whole number; the limit of Python's own conversion. */
const MAX_DIGITS = 4_300;

const SPACE = /[ \t\n\r]*/y;
const WORD = /true|false|null/y;
const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
// The shortest match of a text; JSON.parse checks its escapes.
const TEXT = /"(?:[^"\\]|\\.)*"/sy;
const WORDS: Readonly<Record<string, null | boolean>> = { true: true, false: false, null: null };

/**
 * Parses JSON without a loss. The last of several equal keys counts, at the place of the first.
 * @throws ProtocolError `too-large` if it nests deeper than MAX_JSON_DEPTH or has an endless number, else `malformed`.
 */
export function parseExactJson(text: string): ExactJson {
  let at = 0;
  const fail = (): never => {
    throw new ProtocolError('malformed', `not JSON at ${at}`);
  };
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    at += found?.[0].length ?? 0;
    return found;
  };
  const skip = (mark: string): boolean => {
    take(SPACE);
    if (text[at] !== mark) return false;
    at++;
    return true;
  };
  const readText = (): string => {
    const [quoted] = take(TEXT) ?? fail();
    try {
      return JSON.parse(quoted) as string;
    } catch {
      return fail();
    }
  };
  const readNumber = ([digits, fraction, exponent]: RegExpExecArray): bigint | number => {
    if (fraction !== undefined || exponent !== undefined) return Number(digits);
    if (digits.length > MAX_DIGITS) throw new ProtocolError('too-large', `a number has more than ${MAX_DIGITS} digits`);
    return BigInt(digits);
  };
  const readItems = (end: string, readItem: () => void): void => {
    if (skip(end)) return;
    do readItem();
    while (skip(','));
    if (!skip(end)) fail();
  };
  const read = (depth: number): ExactJson => {
    if (depth > MAX_JSON_DEPTH)
      throw new ProtocolError('too-large', `JSON nests deeper than ${MAX_JSON_DEPTH} arrays and objects`);
    if (skip('{')) {
      const members = new Map<string, ExactJson>();
      readItems('}', () => {
        take(SPACE);
        const key = readText();
        if (!skip(':')) fail();
        members.set(key, read(depth + 1));
      });
      return members;
    }
    if (skip('[')) {
      const items: ExactJson[] = [];
      readItems(']', () => items.push(read(depth + 1)));
      return items;
    }
    if (text[at] === '"') return readText();
    const [word] = take(WORD) ?? [];
    if (word !== undefined) return WORDS[word] as null | boolean;
    return readNumber(take(NUMBER) ?? fail());
  };
  const value = read(0);
  take(SPACE);
  return at === text.length ? value : fail();
}

/** Writes a value as JSON without white space. Plain objects are written too. */
export function formatExactJson(value: ExactJson | object): string {
  if (typeof value === 'bigint') return String(value);
  if (isLongNumber(value)) return value.rawJSON;
  if (Array.isArray(value)) return `[${value.map(formatExactJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = value instanceof Map ? value : Object.entries(value);
  return `{${[...members].map(([key, member]) => `${JSON.stringify(key)}:${formatExactJson(member)}`).join(',')}}`;
}
