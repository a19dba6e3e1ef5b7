import type { AnswerPieces } from './answer-pieces.ts';
import { type Reading, SPACE, type TextFeed } from './text-feed.ts';

export interface CallReader {
  readonly feed: TextFeed;
  readonly pieces: AnswerPieces;
  /** Names of the tools that the request offers. */
  readonly tools: ReadonlySet<string>;
}

/** Characters of a tool's name in requests. */
export const TOOL_NAME = /[\w.:/-]/;

const ARGUMENTS = new Set(['arguments', 'parameters']);

/**
 * Reads `{"name": ..., "arguments": {...}}`, with its keys in any order and others among them. Arguments that follow the name
 * are passed on as they arrive. A text that is no call becomes content.
 * @param opening the text before it, which is content too if this is no call.
 * @param onlyKnown whether an unknown tool name makes it no call.
 */
export function* readCallObject(
  { feed, pieces, tools }: CallReader,
  { opening = '', onlyKnown = false }: { readonly opening?: string; readonly onlyKnown?: boolean } = {},
): Reading<boolean> {
  const getRead = feed.record();
  let name: string | undefined;
  let isOpen = false;
  let given = '';
  const fail = (): false => {
    const read = getRead();
    if (!isOpen) pieces.content(opening + read);
    return false;
  };

  if (!(yield* feed.take('{'))) return fail();
  for (;;) {
    yield* feed.run(SPACE);
    if (yield* feed.take('}')) break;
    if (yield* feed.take(',')) continue;
    const key = yield* readString(feed);
    yield* feed.run(SPACE);
    if (key === undefined || !(yield* feed.take(':'))) return fail();
    yield* feed.run(SPACE);
    if (key === 'name' && name === undefined) {
      name = yield* readString(feed);
      if (name === undefined || name === '' || (onlyKnown && !tools.has(name))) return fail();
    } else if (ARGUMENTS.has(key) && !isOpen && given === '') {
      const isObject = (yield* feed.peek()) === '{';
      if (isObject && name !== undefined) {
        pieces.call(name);
        isOpen = true;
      }
      const keep = (text: string): void => {
        given += text;
      };
      if (!(yield* feed.value(isOpen ? pieces.arguments : keep))) return fail();
    } else if (!(yield* feed.value(() => {}))) return fail();
  }
  if (name === undefined) return fail();
  if (!isOpen) {
    pieces.call(name);
    isOpen = true;
    pieces.arguments(unwrap(given));
  }
  getRead();
  return true;
}

/** Reads a JSON string; undefined if none comes next. */
export function* readString(feed: TextFeed): Reading<string | undefined> {
  if ((yield* feed.peek()) !== '"') return undefined;
  let text = '';
  const isWhole = yield* feed.value((part) => {
    text += part;
  });
  if (!isWhole) return undefined;
  try {
    return JSON.parse(text) as string;
  } catch {
    return undefined;
  }
}

/** Unwraps arguments. Some models write them as a string that contains JSON, or leave them out. */
function unwrap(given: string): string {
  if (given === '' || given === 'null') return '{}';
  if (!given.startsWith('"')) return given;
  try {
    return JSON.parse(given) as string;
  } catch {
    return given;
  }
}

/**
 * Reads one call, or a list of them in brackets.
 * @param isOpen whether the opening bracket has been read, as the end of `opening`.
 */
export function* readCallList(
  reader: CallReader,
  { opening = '', isOpen = false }: { readonly opening?: string; readonly isOpen?: boolean } = {},
): Reading<void> {
  const { feed } = reader;
  if (!isOpen && !(yield* feed.take('['))) {
    yield* readCallObject(reader, { opening });
    return;
  }
  for (let before = isOpen ? opening : `${opening}[`; ; before = '') {
    yield* feed.run(SPACE);
    if (yield* feed.take(']')) return;
    if (!(yield* readCallObject(reader, { opening: before }))) return;
    yield* feed.run(SPACE);
    yield* feed.take(',');
  }
}
