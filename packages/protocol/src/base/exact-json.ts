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

const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
const WORDS = [
  ['true', true],
  ['false', false],
  ['null', null],
] as const;

const isSpace = (code: number): boolean => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;

/** The place behind a text that begins at `from`, or -1. Its escapes are not checked. */
function findTextEnd(json: string, from: number): number {
  for (let end = json.indexOf('"', from + 1); end >= 0; end = json.indexOf('"', end + 1)) {
    let first = end;
    while (json[first - 1] === '\\') first--;
    if ((end - first) % 2 === 0) return end + 1;
  }
  return -1;
}

/** Reads JSON from its beginning on. */
class Reader {
  readonly #json: string;
  #at = 0;

  constructor(json: string) {
    this.#json = json;
  }

  fail(): never {
    throw new ProtocolError('malformed', `not JSON at ${this.#at}`);
  }

  isAtEnd(): boolean {
    this.#skipSpace();
    return this.#at === this.#json.length;
  }

  #skipSpace(): void {
    while (isSpace(this.#json.charCodeAt(this.#at))) this.#at++;
  }

  skip(mark: string): boolean {
    this.#skipSpace();
    if (this.#json[this.#at] !== mark) return false;
    this.#at++;
    return true;
  }

  /** Reads what stands between two marks, with commas between. */
  readItems(end: string, readItem: () => void): void {
    if (this.skip(end)) return;
    do readItem();
    while (this.skip(','));
    if (!this.skip(end)) this.fail();
  }

  readText(): string {
    this.#skipSpace();
    const end = this.#json[this.#at] === '"' ? findTextEnd(this.#json, this.#at) : -1;
    if (end < 0) return this.fail();
    try {
      const text = JSON.parse(this.#json.slice(this.#at, end)) as string;
      this.#at = end;
      return text;
    } catch {
      return this.fail();
    }
  }

  readKey(): string {
    const key = this.readText();
    return this.skip(':') ? key : this.fail();
  }

  read(depth = 0): ExactJson {
    if (depth > MAX_JSON_DEPTH)
      throw new ProtocolError('too-large', `JSON nests deeper than ${MAX_JSON_DEPTH} arrays and objects`);
    if (this.skip('{')) {
      const members = new Map<string, ExactJson>();
      this.readItems('}', () => members.set(this.readKey(), this.read(depth + 1)));
      return members;
    }
    if (this.skip('[')) {
      const items: ExactJson[] = [];
      this.readItems(']', () => items.push(this.read(depth + 1)));
      return items;
    }
    if (this.#json[this.#at] === '"') return this.readText();
    for (const [word, value] of WORDS) {
      if (!this.#json.startsWith(word, this.#at)) continue;
      this.#at += word.length;
      return value;
    }
    return this.#readNumber();
  }

  #readNumber(): bigint | number {
    NUMBER.lastIndex = this.#at;
    const [digits = '', fraction, exponent] = NUMBER.exec(this.#json) ?? this.fail();
    this.#at += digits.length;
    if (fraction !== undefined || exponent !== undefined) return Number(digits);
    if (digits.length > MAX_DIGITS) throw new ProtocolError('too-large', `a number has more than ${MAX_DIGITS} digits`);
    return BigInt(digits);
  }

  /** Passes over a value without a check. */
  pass(): void {
    this.#skipSpace();
    let depth = 0;
    do {
      const mark = this.#json[this.#at];
      if (mark === undefined) this.fail();
      if (mark === '"') {
        const end = findTextEnd(this.#json, this.#at);
        if (end < 0) this.fail();
        this.#at = end;
        continue;
      }
      if (mark === '{' || mark === '[') depth++;
      else if (mark === '}' || mark === ']') depth--;
      this.#at++;
    } while (depth > 0 || !this.#isBehindValue());
  }

  #isBehindValue(): boolean {
    const mark = this.#json[this.#at];
    return mark === undefined || mark === ',' || mark === '}' || mark === ']';
  }
}

/**
 * Parses JSON without a loss. The last of several equal keys counts, at the place of the first.
 * @throws ProtocolError `too-large` if it nests deeper than MAX_JSON_DEPTH or has an endless number, else `malformed`.
 */
export function parseExactJson(json: string): ExactJson {
  const reader = new Reader(json);
  const value = reader.read();
  return reader.isAtEnd() ? value : reader.fail();
}

/**
 * Parses one member of an object, and passes over the others without a check. The last of several counts.
 * @param json an object that was parsed before.
 * @returns undefined if there is none.
 */
export function parseExactMember(json: string, name: string): ExactJson | undefined {
  const reader = new Reader(json);
  let found: ExactJson | undefined;
  if (!reader.skip('{')) return reader.fail();
  reader.readItems('}', () => {
    if (reader.readKey() === name) found = reader.read(1);
    else reader.pass();
  });
  return found;
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
