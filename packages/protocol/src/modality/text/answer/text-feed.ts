/**
 * A step of a parser over a text that arrives in pieces. The parser is a generator: it yields when it needs more text, and
 * resumes where it stopped. So a parser is written as if the whole text were there, and no split of the text changes the
 * result.
 */
export type Reading<T> = Generator<void, T, void>;

export interface TextFeed {
  /** Adds new text. */
  add(text: string): void;
  /** Ends the text. */
  close(): void;
  /** Returns the next character without consuming it; undefined at the end. */
  peek(): Reading<string | undefined>;
  /** Reads the mark if it comes next. */
  take(mark: string): Reading<boolean>;
  /** Reads characters that the pattern matches, one by one. */
  run(pattern: RegExp): Reading<string>;
  /**
   * Reads up to the first of the marks, and the mark itself.
   * @param onText receives the text before it, in pieces.
   * @returns the mark; undefined if the text ends without one.
   */
  until(marks: readonly string[], onText: (text: string) => void): Reading<string | undefined>;
  /**
   * Reads one JSON value as written. It matches brackets and quotes, and checks nothing else.
   * @returns whether it is complete; false also if none begins.
   */
  value(onText: (text: string) => void): Reading<boolean>;
  /** Drops this mark if the text ends with it. White space behind the mark is dropped too. */
  dropAtEnd(mark: string): void;
  /** Records the text that is read from here on. @returns a function that returns it. */
  record(): () => string;
}

export const SPACE = /\s/;
/** Characters of a number, true, false or null. */
const SCALAR = /[\w.+-]/;

export function createTextFeed(): TextFeed {
  let rest = '';
  let isClosed = false;
  let recorded: string | undefined;
  let ending = '';
  /** Text that may be the ending, or the ending with white space behind it. */
  let held = '';
  let hasEnded = false;

  const accept = (text: string): void => {
    if (hasEnded && text.trimStart() !== '') {
      rest += held;
      held = '';
      hasEnded = false;
    }
    held += text;
    if (hasEnded) return;
    const body = held.trimEnd();
    hasEnded = ending !== '' && body.endsWith(ending);
    const length = hasEnded ? held.length - body.length + ending.length : longestBeginning(held, [ending]);
    rest += held.slice(0, held.length - length);
    held = held.slice(held.length - length);
  };

  const read = (length: number): string => {
    const text = rest.slice(0, length);
    rest = rest.slice(length);
    if (recorded !== undefined) recorded += text;
    return text;
  };
  /** Waits for more text; false if the text has ended. */
  function* wait(): Reading<boolean> {
    if (isClosed) return false;
    const { length } = rest;
    while (rest.length === length && !isClosed) yield;
    return rest.length > length;
  }
  function* peek(): Reading<string | undefined> {
    while (rest === '') if (!(yield* wait())) return undefined;
    return rest[0];
  }
  function* value(onText: (text: string) => void): Reading<boolean> {
    const first = yield* peek();
    if (first === undefined) return false;
    if (!'{["'.includes(first)) return yield* scalar(onText);
    let depth = 0;
    let isInString = false;
    let isEscaped = false;
    for (;;) {
      if ((yield* peek()) === undefined) return false;
      let at = 0;
      let isWhole = false;
      for (; at < rest.length && !isWhole; at++) {
        const character = rest[at] as string;
        if (isEscaped) isEscaped = false;
        else if (isInString && character === '\\') isEscaped = true;
        else if (character === '"') isInString = !isInString;
        else if (!isInString && '{['.includes(character)) depth++;
        else if (!isInString && '}]'.includes(character)) depth--;
        isWhole = depth === 0 && !isInString;
      }
      onText(read(at));
      if (isWhole) return true;
    }
  }
  function* run(pattern: RegExp): Reading<string> {
    let text = '';
    for (let next = yield* peek(); next !== undefined && pattern.test(next); next = yield* peek()) text += read(1);
    return text;
  }
  function* scalar(onText: (text: string) => void): Reading<boolean> {
    const text = yield* run(SCALAR);
    onText(text);
    return text !== '';
  }

  return {
    add: accept,
    close() {
      if (!hasEnded) rest += held;
      isClosed = true;
    },
    peek,
    *take(mark) {
      while (rest.length < mark.length && mark.startsWith(rest)) if (!(yield* wait())) return false;
      if (!rest.startsWith(mark)) return false;
      read(mark.length);
      return true;
    },
    run,
    *until(marks, onText) {
      for (;;) {
        const found = findFirst(rest, marks);
        if (found !== undefined) {
          if (found.at > 0) onText(read(found.at));
          return read(found.mark.length);
        }
        const certain = rest.length - longestBeginning(rest, marks);
        if (certain > 0) onText(read(certain));
        if (!(yield* wait())) {
          if (rest !== '') onText(read(rest.length));
          return undefined;
        }
      }
    },
    value,
    dropAtEnd(mark) {
      ending = mark;
      const text = rest;
      rest = '';
      accept(text);
    },
    record() {
      recorded = '';
      return () => {
        const text = recorded ?? '';
        recorded = undefined;
        return text;
      };
    },
  };
}

function findFirst(text: string, marks: readonly string[]): { at: number; mark: string } | undefined {
  let first: { at: number; mark: string } | undefined;
  for (const mark of marks) {
    const at = text.indexOf(mark);
    if (at >= 0 && (first === undefined || at < first.at)) first = { at, mark };
  }
  return first;
}

/** Returns the length of the longest end of the text that is the beginning of a mark. */
function longestBeginning(text: string, marks: readonly string[]): number {
  let longest = 0;
  for (const mark of marks) {
    for (let size = Math.min(mark.length - 1, text.length); size > longest; size--) {
      if (text.endsWith(mark.slice(0, size))) longest = size;
    }
  }
  return longest;
}
