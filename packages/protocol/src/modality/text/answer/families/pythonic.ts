import { type CallReader, readCallList, TOOL_NAME } from '../call-object.ts';
import { readItems, readPythonValue } from '../python-value.ts';
import { type Reading, SPACE, type TextFeed } from '../text-feed.ts';

/** Marks around a list of calls, for models that have them. */
const MARKS = [
  { open: '<|tool_call_start|>', close: '<|tool_call_end|>' },
  { open: '<|python_start|>', close: '<|python_end|>' },
];
const ARGUMENT = /\w/;

/**
 * Reads Llama 3.2 and 4, and LFM2: the reply is a list of calls in Python syntax, `[NAME(KEY=VALUE, ...), ...]`. The list is
 * between marks, or at the beginning of the reply without marks. An answer may be such a list too, so only the name of an
 * offered tool makes a call.
 */
export function* readPythonic(reader: CallReader): Reading<void> {
  const { feed, pieces } = reader;
  const space = yield* feed.run(SPACE);
  if ((yield* feed.peek()) === '[') yield* readPythonCalls(reader, space);
  else pieces.content(space);
  const opens = MARKS.map(({ open }) => open);
  for (;;) {
    const open = yield* feed.until(opens, pieces.content);
    const marks = MARKS.find((each) => each.open === open);
    if (open === undefined || marks === undefined) return;
    const opening = open + (yield* feed.run(SPACE));
    const next = yield* feed.peek();
    if (next === '{') yield* readCallList(reader, { opening });
    else if (next === '[') yield* readPythonCalls(reader, opening);
    else {
      pieces.content(opening);
      continue;
    }
    yield* feed.run(SPACE);
    yield* feed.take(marks.close);
  }
}

/** Reads the calls. @param opening the text before the list, which is content too if no call follows. */
function* readPythonCalls(reader: CallReader, opening: string): Reading<void> {
  const { feed, pieces, tools } = reader;
  yield* feed.take('[');
  let before = `${opening}[`;
  for (;;) {
    before += yield* feed.run(SPACE);
    // Some of these models put objects of other families into the list.
    if (before.startsWith('<') && (yield* feed.peek()) === '{')
      return yield* readCallList(reader, { opening: before, isOpen: true });
    const getRead = feed.record();
    const name = yield* feed.run(TOOL_NAME);
    const given = tools.has(name) ? yield* readArguments(feed) : undefined;
    const read = getRead();
    // Truncated arguments cannot be told apart from others.
    if (given === undefined) return pieces.content(before + read);
    pieces.call(name);
    pieces.arguments(given);
    yield* feed.run(SPACE);
    before = '';
    if (yield* feed.take(']')) return;
    if (!(yield* feed.take(','))) return;
    yield* feed.run(SPACE);
    if (yield* feed.take(']')) return;
  }
}

/** Reads the arguments in the brackets behind a name, as JSON; undefined for anything else. */
function* readArguments(feed: TextFeed): Reading<string | undefined> {
  if (!(yield* feed.take('('))) return undefined;
  const members = yield* readItems(feed, ')', function* () {
    const key = yield* feed.run(ARGUMENT);
    yield* feed.run(SPACE);
    if (key === '' || !(yield* feed.take('='))) return undefined;
    const value = yield* readPythonValue(feed);
    return value === undefined ? undefined : `${JSON.stringify(key)}:${value}`;
  });
  return members && `{${members.join(',')}}`;
}
