import type { CallReader } from '../call-object.ts';
import type { Reading } from '../text-feed.ts';

const START = '<|start|>';
const CHANNEL = '<|channel|>';
const CONSTRAIN = '<|constrain|>';
const MESSAGE = '<|message|>';
/** The marks that end a message. The last two end a reply and spell nothing, so they are rarely seen. */
const ENDS = ['<|end|>', START, '<|call|>', '<|return|>'];
const RECIPIENT = /\bto=(?:functions\.)?([\w.:/-]+)/;

/**
 * Reads GPT-OSS: messages, each with a channel. A message to a function is a call, `analysis` is reasoning, and the rest is
 * content.
 */
export function* readHarmony({ feed, pieces, tools }: CallReader): Reading<void> {
  // A reply that begins without a header is an answer.
  const first = yield* feed.peek();
  const hasHeader = first === undefined || '< t'.includes(first);
  if (!hasHeader && (yield* feed.until([START, CHANNEL], pieces.content)) === undefined) return;
  for (let isFirst = hasHeader; ; ) {
    let header = '';
    let mark: string | undefined;
    do {
      mark = yield* feed.until([START, CHANNEL, CONSTRAIN, MESSAGE], (text) => {
        header += text;
      });
      // A header without a mark behind it was truncated, or it is an answer without a header.
      if (mark === undefined && isFirst) pieces.content(header);
      if (mark === undefined) return;
      isFirst = false;
      header += ' ';
    } while (mark !== MESSAGE);
    const name = tools.size > 0 ? RECIPIENT.exec(header)?.[1] : undefined;
    if (name !== undefined) pieces.call(name);
    const write =
      name !== undefined ? pieces.arguments : /\banalysis\b/.test(header) ? pieces.reasoning : pieces.content;
    if ((yield* feed.until(ENDS, write)) === undefined) return;
  }
}
