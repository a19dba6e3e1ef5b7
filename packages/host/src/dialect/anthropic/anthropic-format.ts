import { readJson } from '@ogong/protocol/base/json';
import type { AnswerPiece } from '@ogong/protocol/modality/text/answer/answer-pieces';
import type { StopReason } from '@ogong/protocol/modality/text/commitment/header';
import type { ChoiceFinish, Identity, TokenUsage } from '@ogong/protocol/modality/text/dialect/completion-formats';
import { NAMED_FRAMING } from '../../openai/event-stream.ts';
import type { Json } from '../../openai/format.ts';
import type { AnswerDialect, EventWriter, WholeAnswer } from '../answer-dialect.ts';
import { toAnthropicError } from './anthropic-error.ts';

export interface AnthropicAnswer {
  readonly identity: Identity;
  readonly requestId: string;
  readonly stopSequences: readonly string[];
  /** The id of a call, counted from 0. */
  readonly nameCall: (call: number) => string;
}

/** Messages of Anthropic's API. */
export function createAnthropicDialect(answer: AnthropicAnswer): AnswerDialect {
  return {
    framing: NAMED_FRAMING,
    body: (whole, usage) =>
      toMessage(answer, toBlocks(answer, whole), { ...toEnd(answer, whole), usage: toUsage(usage) }),
    createWriter: () => createWriter(answer),
  };
}

/** A call is made by the model itself. */
const CALLER: Json = { type: 'direct' };
/** Parts of a message that no answer here has. */
const NOTHING: Json = { stop_details: null, container: null };

const REASONS: Readonly<Record<StopReason, string>> = {
  'stop-token': 'end_turn',
  'stop-string': 'stop_sequence',
  length: 'max_tokens',
  context: 'model_context_window_exceeded',
  cancelled: 'end_turn',
};

/** The answer does not say which of several stop sequences ended it. */
function toEnd({ stopSequences }: AnthropicAnswer, { stopReason, hasCalls }: ChoiceFinish): Json {
  const isCall = hasCalls && stopReason === 'stop-token';
  const isKnown = stopReason === 'stop-string' && stopSequences.length === 1;
  return {
    stop_reason: isCall ? 'tool_use' : REASONS[stopReason],
    stop_sequence: isKnown ? stopSequences[0] : null,
    ...NOTHING,
  };
}

/** Tokens of the prompt that came from the cache are counted apart. */
const toUsage = ({ promptTokens, outputTokens, cachedTokens = 0 }: TokenUsage): Json => ({
  input_tokens: promptTokens - cachedTokens,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: cachedTokens,
  output_tokens: outputTokens,
});

const toMessage = ({ identity: { id, model } }: AnthropicAnswer, content: readonly Json[], end: Json): Json => ({
  ...{ id, type: 'message', role: 'assistant', model, content },
  ...end,
});

function toBlocks({ nameCall }: AnthropicAnswer, { parts: { content, reasoning, calls } }: WholeAnswer): Json[] {
  return [
    ...(reasoning === '' ? [] : [{ type: 'thinking', thinking: reasoning, signature: '' }]),
    ...(content === '' ? [] : [{ type: 'text', text: content }]),
    ...calls.map(({ name, arguments: given }, call) => ({
      ...{ type: 'tool_use', id: nameCall(call), name, input: readInput(given), caller: CALLER },
    })),
  ];
}

/** Arguments of a reply that was cut short are no JSON. */
function readInput(given: string): unknown {
  try {
    return readJson(given === '' ? '{}' : given);
  } catch {
    return {};
  }
}

function createWriter(answer: AnthropicAnswer): EventWriter {
  let index = -1;
  let open: AnswerPiece['kind'] | undefined;
  const close = (): Json[] => {
    const events = open === undefined ? [] : [{ type: 'content_block_stop', index }];
    open = undefined;
    return events;
  };
  const begin = (kind: AnswerPiece['kind'], content_block: Json): Json[] => {
    const events = close();
    index++;
    open = kind;
    return [...events, { type: 'content_block_start', index, content_block }];
  };
  const toDelta = (delta: Json): Json => ({ type: 'content_block_delta', index, delta });

  function write(piece: AnswerPiece): Json[] {
    if (piece.kind === 'call') {
      const block = { type: 'tool_use', id: answer.nameCall(piece.call), name: piece.name, input: {}, caller: CALLER };
      return begin('arguments', block);
    }
    if (piece.kind === 'arguments') return [toDelta({ type: 'input_json_delta', partial_json: piece.text })];
    const isThought = piece.kind === 'reasoning';
    const block = isThought ? { type: 'thinking', thinking: '', signature: '' } : { type: 'text', text: '' };
    const begun = open === piece.kind ? [] : begin(piece.kind, block);
    const delta = isThought
      ? { type: 'thinking_delta', thinking: piece.text }
      : { type: 'text_delta', text: piece.text };
    return [...begun, toDelta(delta)];
  }

  return {
    // Clients read the length of the prompt here. The usage at the end is the one that counts.
    open: (known = { promptTokens: 0 }) => {
      const usage = toUsage({ ...known, outputTokens: 0 });
      const message = toMessage(answer, [], { stop_reason: null, stop_sequence: null, ...NOTHING, usage });
      return [{ type: 'message_start', message }];
    },
    write: ({ pieces }) => pieces.flatMap(write),
    end: (finish, usage, extra) => [
      ...close(),
      { type: 'message_delta', delta: toEnd(answer, finish), usage: toUsage(usage) },
      { type: 'message_stop', ...extra },
    ],
    fail: (error) => [toAnthropicError(error, answer.requestId)],
  };
}
