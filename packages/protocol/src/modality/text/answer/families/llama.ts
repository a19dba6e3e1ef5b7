import { type CallReader, readCallObject } from '../call-object.ts';
import { type Reading, SPACE } from '../text-feed.ts';

/**
 * Reads Llama 3: the reply is an object, or several with `;` between them, after a tag or without one. An answer may be JSON
 * too, so only the name of an offered tool makes it a call.
 */
export function* readLlama(reader: CallReader): Reading<void> {
  const { feed, pieces } = reader;
  for (;;) {
    let opening = yield* feed.run(SPACE);
    if (yield* feed.take('<|python_tag|>')) opening += yield* feed.run(SPACE);
    if ((yield* feed.peek()) !== '{') {
      pieces.content(opening);
      break;
    }
    if (!(yield* readCallObject(reader, { opening, onlyKnown: true }))) break;
    yield* feed.run(SPACE);
    yield* feed.take(';');
  }
  yield* feed.until([], pieces.content);
}
