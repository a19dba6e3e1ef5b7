import type { ChatCall, ChatMessage } from '@ogong/protocol/modality/text/request/chat-messages';

/** Contents that a template takes in one message of an assistant. */
export interface AnswerShape {
  /** Whether a message may have several calls. If not, each call is a message, with its answers behind it. */
  readonly takesCalls: boolean;
  /** Whether a message may have words beside calls. If not, they are a message of their own before the calls. */
  readonly takesWords: boolean;
  /** Whether a message may have words and reasoning beside calls. If not, both are one text. */
  readonly takesAll: boolean;
}

export const WHOLE: AnswerShape = { takesCalls: true, takesWords: true, takesAll: true };

/** Splits answers into messages that a template writes without loss. Templates refuse what they do not take, or leave it out. */
export function shapeAnswers(messages: readonly ChatMessage[], shape: AnswerShape): readonly ChatMessage[] {
  const shaped: ChatMessage[] = [];
  for (let at = 0; at < messages.length; at++) {
    const message = messages[at] as ChatMessage;
    const { calls = [] } = message;
    if (calls.length === 0) {
      shaped.push(message);
      continue;
    }
    const parts = divide(message, calls, shape);
    if (shape.takesCalls || calls.length === 1) {
      shaped.push(...parts);
      continue;
    }
    const end = messages.findIndex(({ role }, i) => i > at && role !== 'tool');
    const answers = messages.slice(at + 1, end < 0 ? messages.length : end);
    shaped.push(...arrange(parts, answers));
    at += answers.length;
  }
  return shaped;
}

function divide(
  { calls: _, ...said }: ChatMessage,
  calls: readonly ChatCall[],
  { takesCalls, takesWords, takesAll }: AnswerShape,
): readonly ChatMessage[] {
  const { role, content, reasoning } = said;
  const hasWords = content !== '';
  const parts = takesCalls ? [calls] : calls.map((call) => [call]);
  if (hasWords && !takesWords) return [said, ...parts.map((each) => ({ role, content: '', calls: each }))];
  const isOneText = hasWords && reasoning !== undefined && !takesAll;
  const first = isOneText ? { role, content: `${reasoning}\n\n${content}` } : said;
  return parts.map((each, i) => ({ ...(i === 0 ? first : { role, content: '' }), calls: each }));
}

/** Places each answer behind its call, and those of no call behind all. */
function arrange(parts: readonly ChatMessage[], answers: readonly ChatMessage[]): readonly ChatMessage[] {
  const byCall = Map.groupBy(answers, ({ callId }) => callId);
  const arranged = parts.flatMap((part) => {
    const id = part.calls?.[0]?.id;
    const own = id === undefined ? [] : (byCall.get(id) ?? []);
    if (id !== undefined) byCall.delete(id);
    return [part, ...own];
  });
  return [...arranged, ...[...byCall.values()].flat()];
}
