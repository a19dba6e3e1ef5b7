import { type CallReader, TOOL_NAME } from '../call-object.ts';
import { type Reading, SPACE } from '../text-feed.ts';

/** The marks that open and close a call, and those around a text, by generation. */
const GENERATIONS = [
  { open: '<start_function_call>', close: '<end_function_call>', quote: '<escape>' },
  { open: '<|tool_call>', close: '<tool_call|>', quote: '<|"|>' },
];
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const MAX_DEPTH = 32;

/** Reads Gemma: `call:` and a name, then arguments with bare keys and with texts between marks. They become JSON. */
export function* readGemma({ feed, pieces }: CallReader): Reading<void> {
  const opens = GENERATIONS.map(({ open }) => open);
  for (;;) {
    const open = yield* feed.until(opens, pieces.content);
    const generation = GENERATIONS.find((each) => each.open === open);
    if (open === undefined || generation === undefined) return;
    const getRead = feed.record();
    yield* feed.run(SPACE);
    const isCall = yield* feed.take('call:');
    const name = isCall ? yield* feed.run(TOOL_NAME) : '';
    let given = '';
    const close = yield* feed.until([generation.close], (text) => {
      given += text;
    });
    const read = getRead();
    const json = name === '' ? undefined : toJson(given.trim(), generation.quote);
    // Truncated arguments cannot be told apart from others.
    if (json === undefined || close === undefined) pieces.content(open + read);
    else {
      pieces.call(name);
      pieces.arguments(json);
    }
  }
}

/** Converts the notation to JSON. @returns undefined if the text is no object of this notation. */
function toJson(text: string, quote: string): string | undefined {
  let at = 0;
  const skip = (): void => {
    while (at < text.length && SPACE.test(text[at] as string)) at++;
  };
  const take = (mark: string): boolean => {
    skip();
    if (!text.startsWith(mark, at)) return false;
    at += mark.length;
    return true;
  };
  const until = (mark: string): string | undefined => {
    const end = text.indexOf(mark, at);
    if (end < 0) return undefined;
    const found = text.slice(at, end);
    at = end + mark.length;
    return found;
  };
  const list = (close: string, item: () => string | undefined): string[] | undefined => {
    const items: string[] = [];
    while (!take(close)) {
      if (items.length > 0 && !take(',')) return undefined;
      const next = item();
      if (next === undefined) return undefined;
      items.push(next);
    }
    return items;
  };
  const value = (depth: number): string | undefined => {
    if (depth > MAX_DEPTH) return undefined;
    if (take(quote)) {
      const found = until(quote);
      return found === undefined ? undefined : JSON.stringify(found);
    }
    if (take('{')) {
      const members = list('}', () => {
        const key = take(quote) ? until(quote) : until(':')?.trim();
        if (key === undefined || (text[at - 1] !== ':' && !take(':'))) return undefined;
        const member = value(depth + 1);
        return member === undefined ? undefined : `${JSON.stringify(key)}:${member}`;
      });
      return members && `{${members.join(',')}}`;
    }
    if (take('[')) {
      const items = list(']', () => value(depth + 1));
      return items && `[${items.join(',')}]`;
    }
    const bare = /[^,\]}]*/.exec(text.slice(at))?.[0] ?? '';
    at += bare.length;
    const word = bare.trim();
    if (NUMBER.test(word) || ['true', 'false', 'null'].includes(word)) return word;
    return word === '' ? undefined : JSON.stringify(word);
  };
  if (!text.startsWith('{')) return undefined;
  const json = value(0);
  skip();
  return at === text.length ? json : undefined;
}
