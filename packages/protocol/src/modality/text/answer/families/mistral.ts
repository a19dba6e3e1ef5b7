import { type CallReader, readCallList, TOOL_NAME } from '../call-object.ts';
import { type Reading, SPACE } from '../text-feed.ts';

const OPEN = '[TOOL_CALLS]';

/** Reads Mistral: `[TOOL_CALLS]`, then a list of objects. Later templates have a name, `[ARGS]` and the arguments. */
export function* readMistral(reader: CallReader): Reading<void> {
  const { feed, pieces } = reader;
  while ((yield* feed.until([OPEN], pieces.content)) !== undefined) {
    const opening = OPEN + (yield* feed.run(SPACE));
    const next = yield* feed.peek();
    if (next === '[' || next === '{') {
      yield* readCallList(reader, { opening });
      continue;
    }
    const getRead = feed.record();
    const name = yield* feed.run(TOOL_NAME);
    if (yield* feed.take('[CALL_ID]')) yield* feed.run(TOOL_NAME);
    yield* feed.take('[ARGS]');
    yield* feed.run(SPACE);
    const isCall = name !== '' && (yield* feed.peek()) === '{';
    const read = getRead();
    if (!isCall) {
      pieces.content(opening + read);
      continue;
    }
    pieces.call(name);
    yield* feed.value(pieces.arguments);
  }
}
