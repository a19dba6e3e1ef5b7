import { type CallReader, TOOL_NAME } from '../call-object.ts';
import { type Reading, SPACE } from '../text-feed.ts';

const BEGIN_ALL = '<|tool_calls_section_begin|>';
const END_ALL = '<|tool_calls_section_end|>';
const BEGIN = '<|tool_call_begin|>';
const ARGUMENTS = '<|tool_call_argument_begin|>';
const END = '<|tool_call_end|>';
/** The id `functions.NAME:0`, in which the number counts the calls of the conversation. */
const ID = /^(?:functions\.)?(.+?)(?::\d+)?$/;

/** Reads Kimi K2: a section of calls. Each has an id with the name, a mark, and the arguments. */
export function* readKimi({ feed, pieces }: CallReader): Reading<void> {
  let isOutside = true;
  for (;;) {
    const text: (text: string) => void = isOutside ? pieces.content : () => {};
    const mark: string | undefined = yield* feed.until([BEGIN_ALL, BEGIN, END_ALL], text);
    if (mark === undefined) return;
    isOutside = mark === END_ALL;
    if (mark !== BEGIN) continue;
    const getRead = feed.record();
    yield* feed.run(SPACE);
    const name = ID.exec(yield* feed.run(TOOL_NAME))?.[1];
    yield* feed.run(SPACE);
    const isMarked = yield* feed.take(ARGUMENTS);
    yield* feed.run(SPACE);
    const isCall = isMarked && (yield* feed.peek()) === '{';
    const read = getRead();
    if (name === undefined || !isCall) {
      pieces.content(BEGIN + read);
      isOutside = true;
      continue;
    }
    pieces.call(name);
    if (!(yield* feed.value(pieces.arguments))) return;
    yield* feed.until([END], () => {});
  }
}
