import type { ConversationMessage } from '../pipeline/turns.ts';

/** Limits of one call, below those of `readTurns`. */
const MAX_MESSAGES = 64;
/** UTF-16 units. */
const MAX_MESSAGE = 16_000;
const MAX_CALL = 48_000;

/** Cuts a conversation into calls in its order. A long message becomes several ones, between lines or words where there are any. */
export function cutCalls(messages: readonly ConversationMessage[]): readonly (readonly ConversationMessage[])[] {
  const calls: ConversationMessage[][] = [];
  let size = 0;
  for (const message of messages.flatMap(cutMessage)) {
    const last = calls.at(-1);
    size += message.content.length;
    if (last !== undefined && last.length < MAX_MESSAGES && size <= MAX_CALL) last.push(message);
    else {
      calls.push([message]);
      size = message.content.length;
    }
  }
  return calls;
}

function cutMessage(message: ConversationMessage): readonly ConversationMessage[] {
  const parts: ConversationMessage[] = [];
  const content = message.content.toWellFormed();
  for (let from = 0; from < content.length; ) {
    const to = findEnd(content, from);
    parts.push({ ...message, content: content.slice(from, to) });
    from = to;
  }
  return parts;
}

function findEnd(content: string, from: number): number {
  const most = from + MAX_MESSAGE;
  if (content.length <= most) return content.length;
  for (const mark of ['\n', ' ']) {
    const at = content.lastIndexOf(mark, most - 1);
    if (at > from + MAX_MESSAGE / 2) return at + 1;
  }
  // Not within a surrogate pair.
  return /[\ud800-\udbff]/.test(content[most - 1] ?? '') ? most - 1 : most;
}
