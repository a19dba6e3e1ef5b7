import type { CallReader } from '../call-object.ts';
import { type Reading, SPACE } from '../text-feed.ts';

const BEGIN_ALL = '<｜tool▁calls▁begin｜>';
const END_ALL = '<｜tool▁calls▁end｜>';
const BEGIN = '<｜tool▁call▁begin｜>';
const END = '<｜tool▁call▁end｜>';
const SEPARATOR = '<｜tool▁sep｜>';
const NAME = /[^\s<{`]/;

/**
 * Reads DeepSeek: each call is between two marks. Up to R1 and V3 it has `function`, a separator, the name, and the arguments
 * in a fenced block. Later it has the name, a separator and the arguments.
 */
export function* readDeepseek({ feed, pieces }: CallReader): Reading<void> {
  let isOutside = true;
  for (;;) {
    const text: (text: string) => void = isOutside ? pieces.content : () => {};
    const mark: string | undefined = yield* feed.until([BEGIN_ALL, BEGIN, END_ALL], text);
    if (mark === undefined) return;
    isOutside = mark === END_ALL;
    if (mark !== BEGIN) continue;
    const getRead = feed.record();
    let name = yield* feed.run(NAME);
    let isCall = yield* feed.take(SEPARATOR);
    if (name === 'function' && isCall) {
      const after = yield* feed.run(NAME);
      if (after !== '') name = after;
    }
    yield* feed.run(SPACE);
    if (yield* feed.take('```json')) yield* feed.run(SPACE);
    isCall &&= name !== '' && (yield* feed.peek()) === '{';
    const read = getRead();
    if (!isCall) {
      pieces.content(BEGIN + read);
      isOutside = true;
      continue;
    }
    pieces.call(name);
    if (!(yield* feed.value(pieces.arguments))) return;
    yield* feed.until([END], () => {});
  }
}
