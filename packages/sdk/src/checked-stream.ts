import { utf8Encode } from '@ogong/protocol/base/bytes';
import type { Check } from '@ogong/protocol/base/checks';
import type { Endpoint } from '@ogong/protocol/modality/text/commitment/header';
import { isChat } from '@ogong/protocol/modality/text/request/request';
import type { ShownMessage } from '@ogong/protocol/modality/text/stage1/shown-answer';
import type { Receipt } from '@ogong/protocol/stage1/receipt';
import type { CheckedReply, GatewayAnswer } from './check-answer.ts';
import { GatewayApiError, ReceiptError } from './errors.ts';
import { readEvents } from './event-stream.ts';
import type { CompletionParams } from './types.ts';

/** An answer that passed its checks. `receipt` and `checks` are those of the first choice. */
export interface CheckedAnswer<T> {
  readonly response: T;
  readonly receipt: Receipt;
  readonly checks: readonly Check[];
  readonly replies: readonly CheckedReply[];
}

/**
 * Chunks as they come. The last one is held back until all of the answer is checked. So a loop that ends without an error has read a good
 * answer.
 */
export interface CheckedStream<C> extends AsyncIterable<C> {
  /** Set once the stream has ended well. */
  readonly checked: Omit<CheckedAnswer<never>, 'response'> | undefined;
}

interface Part {
  readonly index: number;
  readonly text?: string;
  readonly message?: ShownMessage;
  readonly delta?: Delta;
}

interface Delta extends Omit<ShownMessage, 'tool_calls'> {
  readonly tool_calls?: readonly {
    readonly index: number;
    readonly function?: { readonly name?: string; readonly arguments?: string };
  }[];
}

export interface AnswerBody {
  readonly choices: readonly Part[];
  readonly ogong?: unknown;
}

export interface Chunk extends Partial<AnswerBody> {
  readonly error?: unknown;
}

/** How many characters of a completion are its prompt, which no receipt is about. */
export const countEchoed = ({ echo, prompt }: CompletionParams, text: string): number =>
  echo === true && typeof prompt === 'string' && text.startsWith(prompt) ? prompt.length : 0;

/** A message whose deltas are joined. */
interface JoinedMessage {
  readonly content: string;
  readonly reasoning_content: string;
  readonly tool_calls: readonly { readonly function: { readonly name: string; readonly arguments: string } }[];
}

const EMPTY: JoinedMessage = { content: '', reasoning_content: '', tool_calls: [] };

function addDelta(
  message: JoinedMessage,
  { content, reasoning_content: reasoning, tool_calls: calls }: Delta,
): JoinedMessage {
  return {
    content: message.content + (content ?? ''),
    reasoning_content: message.reasoning_content + (reasoning ?? ''),
    tool_calls: (calls ?? []).reduce(addCall, message.tool_calls),
  };
}

/** Calls come in order: a part that belongs to no earlier call begins a new one. */
function addCall(
  calls: JoinedMessage['tool_calls'],
  { index, function: called }: NonNullable<Delta['tool_calls']>[number],
): JoinedMessage['tool_calls'] {
  const before = calls[index]?.function ?? { name: '', arguments: '' };
  const joined = {
    name: before.name + (called?.name ?? ''),
    arguments: before.arguments + (called?.arguments ?? ''),
  };
  return index < calls.length ? calls.with(index, { function: joined }) : [...calls, { function: joined }];
}

/** The chunks of a gateway's stream. @throws GatewayApiError, ReceiptError */
export async function* readChunks(response: Response): AsyncGenerator<Chunk> {
  if (response.body === null) throw new ReceiptError('missing', 'the gateway answered without a body');
  for await (const data of readEvents(response.body)) {
    if (data === '[DONE]') return;
    const chunk = JSON.parse(data) as Chunk;
    if (chunk.error !== undefined) throw new GatewayApiError(response.status, chunk);
    yield chunk;
  }
}

export function createCheckedStream<C>(
  chunks: AsyncIterable<Chunk>,
  {
    params,
    ...base
  }: Pick<GatewayAnswer, 'request' | 'choices'> & {
    readonly endpoint: Endpoint;
    readonly params: CompletionParams;
  },
  check: (answer: GatewayAnswer) => Promise<Omit<CheckedAnswer<never>, 'response'>>,
): CheckedStream<C> {
  const texts = new Map<number, string>();
  const messages = new Map<number, JoinedMessage>();
  let checked: Omit<CheckedAnswer<never>, 'response'> | undefined;

  async function* read(): AsyncGenerator<C> {
    let held: Chunk | undefined;
    for await (const chunk of chunks) {
      for (const { index, delta, text } of chunk.choices ?? []) {
        texts.set(index, (texts.get(index) ?? '') + (delta?.content ?? text ?? ''));
        messages.set(index, addDelta(messages.get(index) ?? EMPTY, delta ?? {}));
      }
      if (held) yield held as C;
      // The chunk with the receipts is the last one.
      held = chunk.ogong === undefined ? undefined : chunk;
      if (!held) yield chunk as C;
    }
    const responses = new Map(
      [...texts].map(([index, text]) => [index, utf8Encode(text.slice(countEchoed(params, text)))]),
    );
    const shown = { responses, ...(isChat(base) && { messages }) };
    checked = await check({ ...base, ...shown, ogong: held?.ogong, response: held });
    if (held) yield held as C;
  }

  return {
    [Symbol.asyncIterator]: read,
    get checked() {
      return checked;
    },
  };
}
