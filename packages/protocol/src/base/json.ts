import { ProtocolError, utf8Decode, utf8Encode } from './bytes.ts';

/** The most arrays and objects that may be open at once. On deeper input some parsers overflow their stack. */
export const MAX_JSON_DEPTH = 64;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENING = new Set([0x5b, 0x7b]);
const CLOSING = new Set([0x5d, 0x7d]);

/**
 * Parses JSON from a stranger: UTF-8 without a byte order mark. Its depth is bounded before a parser recurses into it.
 * @throws ProtocolError `too-large` if it nests deeper than MAX_JSON_DEPTH, else `malformed`.
 */
export function parseJson(bytes: Uint8Array): unknown {
  return parseWithin(bytes, () => utf8Decode(bytes));
}

/**
 * Parses a text within JSON that is itself JSON.
 * @throws ProtocolError `too-large` if it nests deeper than MAX_JSON_DEPTH, else `malformed`.
 */
export const parseJsonText = (text: string): unknown => parseWithin(utf8Encode(text), () => text);

/** A whole number of JSON that a double cannot hold. `JSON.stringify` writes its digits unchanged. */
export interface LongNumber {
  readonly rawJSON: string;
}

// TypeScript has no declarations of these functions yet. A browser without them reads doubles.
const { rawJSON, isRawJSON } = JSON as unknown as {
  readonly rawJSON?: (text: string) => LongNumber;
  readonly isRawJSON?: (value: unknown) => boolean;
};

export const isLongNumber = (value: unknown): value is LongNumber => isRawJSON?.(value) === true;

const LONG_DIGITS = /\d{16}/;
/** Commas of a text whose long numbers are kept. A reviver makes the parser ten times slower, and no usual request has so many values. */
const MAX_COMMAS = 100_000;

function hasMore(text: string, mark: string, limit: number): boolean {
  let left = limit;
  for (let at = text.indexOf(mark); at >= 0; at = text.indexOf(mark, at + 1)) if (left-- === 0) return true;
  return false;
}

/** `JSON.parse`, with whole numbers beyond 2^53 as long numbers if the text has at most MAX_COMMAS commas. @throws SyntaxError */
export function readJson(text: string): unknown {
  if (rawJSON === undefined || !LONG_DIGITS.test(text) || hasMore(text, ',', MAX_COMMAS)) return JSON.parse(text);
  const keepDigits = (_key: string, value: unknown, context?: { readonly source?: string }): unknown => {
    const { source } = context ?? {};
    const isLong = typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(source ?? '');
    return isLong ? rawJSON(source as string) : value;
  };
  return JSON.parse(text, keepDigits as (key: string, value: unknown) => unknown);
}

function parseWithin(bytes: Uint8Array, decode: () => string): unknown {
  if (isDeeperThan(bytes, MAX_JSON_DEPTH)) {
    throw new ProtocolError('too-large', `JSON nests deeper than ${MAX_JSON_DEPTH} arrays and objects`);
  }
  try {
    return readJson(decode());
  } catch (cause) {
    throw new ProtocolError('malformed', 'not JSON in UTF-8', { cause });
  }
}

/**
 * Returns whether more than `limit` brackets are open at once. The count equals a parser's up to the first byte that JSON does
 * not allow; a parser stops there.
 */
function isDeeperThan(bytes: Uint8Array, limit: number): boolean {
  let depth = 0;
  let isInString = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    if (isInString) {
      if (byte === BACKSLASH) i++;
      else if (byte === QUOTE) isInString = false;
    } else if (byte === QUOTE) {
      isInString = true;
    } else if (OPENING.has(byte)) {
      if (++depth > limit) return true;
    } else if (CLOSING.has(byte)) {
      depth--;
    }
  }
  return false;
}
