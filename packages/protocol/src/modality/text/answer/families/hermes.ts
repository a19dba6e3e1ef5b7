import { type CallReader, readCallObject } from '../call-object.ts';
import { type Reading, SPACE } from '../text-feed.ts';

const OPEN = '<tool_call>';

/** Reads Hermes and Qwen: each call is an object between `<tool_call>` and `</tool_call>`. */
export function* readHermes(reader: CallReader): Reading<void> {
  const { feed, pieces } = reader;
  while ((yield* feed.until([OPEN], pieces.content)) !== undefined) {
    const opening = OPEN + (yield* feed.run(SPACE));
    if (!(yield* readCallObject(reader, { opening }))) continue;
    yield* feed.run(SPACE);
    yield* feed.take('</tool_call>');
  }
}
