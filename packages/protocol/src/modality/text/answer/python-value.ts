import { type Reading, SPACE, type TextFeed } from './text-feed.ts';

const MAX_DEPTH = 32;
const WORD = /[\w.+-]/;
const HEX = /[0-9a-fA-F]/;
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const WORDS: Readonly<Record<string, string>> = {
  ...{ True: 'true', False: 'false', None: 'null' },
  ...{ true: 'true', false: 'false', null: 'null' },
};
const ESCAPES: Readonly<Record<string, string>> = {
  ...{ n: '\n', t: '\t', r: '\r', b: '\b', f: '\f' },
  ...{ '\\': '\\', "'": "'", '"': '"', '/': '/' },
};

/**
 * Reads one Python literal and converts it to JSON: strings in either quote, numbers, True, False, None, lists, tuples and
 * dictionaries.
 * @returns undefined if none comes next, or the text ends within it.
 */
export function* readPythonValue(feed: TextFeed, depth = 0): Reading<string | undefined> {
  if (depth > MAX_DEPTH) return undefined;
  yield* feed.run(SPACE);
  const first = yield* feed.peek();
  if (first === '"' || first === "'") {
    const text = yield* readPythonString(feed);
    return text === undefined ? undefined : JSON.stringify(text);
  }
  if (yield* feed.take('[')) {
    const items = yield* readItems(feed, ']', () => readPythonValue(feed, depth + 1));
    return items && `[${items.join(',')}]`;
  }
  if (yield* feed.take('(')) {
    const items = yield* readItems(feed, ')', () => readPythonValue(feed, depth + 1));
    return items && `[${items.join(',')}]`;
  }
  if (yield* feed.take('{')) {
    const members = yield* readItems(feed, '}', () => readMember(feed, depth + 1));
    return members && `{${members.join(',')}}`;
  }
  const word = yield* feed.run(WORD);
  if (Object.hasOwn(WORDS, word)) return WORDS[word];
  return NUMBER.test(word) ? word : undefined;
}

/** Reads items with commas between them, up to the closing mark. */
export function* readItems(
  feed: TextFeed,
  close: string,
  readItem: () => Reading<string | undefined>,
): Reading<string[] | undefined> {
  const items: string[] = [];
  for (;;) {
    yield* feed.run(SPACE);
    if (yield* feed.take(close)) return items;
    if (items.length > 0) {
      if (!(yield* feed.take(','))) return undefined;
      yield* feed.run(SPACE);
      if (yield* feed.take(close)) return items;
    }
    const item = yield* readItem();
    if (item === undefined) return undefined;
    items.push(item);
  }
}

function* readMember(feed: TextFeed, depth: number): Reading<string | undefined> {
  const key = yield* readPythonString(feed);
  yield* feed.run(SPACE);
  if (key === undefined || !(yield* feed.take(':'))) return undefined;
  const value = yield* readPythonValue(feed, depth);
  return value === undefined ? undefined : `${JSON.stringify(key)}:${value}`;
}

function* readPythonString(feed: TextFeed): Reading<string | undefined> {
  const quote = yield* feed.peek();
  if (quote !== '"' && quote !== "'") return undefined;
  yield* feed.take(quote);
  let text = '';
  const keep = (part: string): void => {
    text += part;
  };
  for (;;) {
    const mark: string | undefined = yield* feed.until([quote, '\\'], keep);
    if (mark === undefined) return undefined;
    if (mark === quote) return text;
    const next = yield* feed.peek();
    if (next === undefined) return undefined;
    yield* feed.take(next);
    const escaped = ESCAPES[next];
    if (escaped !== undefined) text += escaped;
    else if (next === 'x' || next === 'u') {
      const code = yield* readHex(feed, next === 'x' ? 2 : 4);
      if (code === undefined) return undefined;
      text += String.fromCharCode(code);
    } else text += `\\${next}`;
  }
}

function* readHex(feed: TextFeed, length: number): Reading<number | undefined> {
  let digits = '';
  while (digits.length < length) {
    const next = yield* feed.peek();
    if (next === undefined || !HEX.test(next)) return undefined;
    yield* feed.take(next);
    digits += next;
  }
  return Number.parseInt(digits, 16);
}
