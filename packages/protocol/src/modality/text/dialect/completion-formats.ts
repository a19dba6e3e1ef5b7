import { type AnswerParts, joinPieces } from '../answer/answer-parser.ts';
import type { AnswerPiece } from '../answer/answer-pieces.ts';
import type { Endpoint, StopReason } from '../commitment/header.ts';

/** Identity of a response in OpenAI's format. Chat and completions share one shape (docs: their openapi.json). */
export interface Identity {
  readonly id: string;
  /** Unix time, s. */
  readonly created: number;
  readonly model: string;
}

type Words = Readonly<Record<string, unknown>>;

export interface TokenUsage {
  readonly promptTokens: number;
  readonly outputTokens: number;
  /** Prompt tokens that came from a cache, if the server knows. */
  readonly cachedTokens?: number;
}

interface TokenChance {
  readonly bytes: Uint8Array;
  /** Nats; null for a prompt's first token, which has no predecessor. */
  readonly logprob: number | null;
}

/** A token of the reply with the requested alternatives. */
export interface AnswerToken extends TokenChance {
  readonly alternatives: readonly TokenChance[];
}

/** A complete choice. */
export interface FinishedChoice {
  readonly index: number;
  /** Text of the model. */
  readonly text: string;
  /** Parts of a chat answer. In a completion all of it is content. */
  readonly parts: AnswerParts;
  readonly stopReason: StopReason;
  /** Absent if none were requested. */
  readonly logprobs?: readonly AnswerToken[];
}

/** The next part of a choice. */
export interface ChoiceDelta {
  /** Pieces of the answer that became certain with it. */
  readonly pieces: readonly AnswerPiece[];
  /** Absent if none were requested. */
  readonly logprobs?: readonly AnswerToken[];
  /** Characters of the reply before it. */
  readonly offset: number;
}

/** The end of a choice. */
export interface ChoiceFinish {
  readonly stopReason: StopReason;
  /** Whether it calls tools. */
  readonly hasCalls: boolean;
}

/** The format of an endpoint's chunks and bodies. */
export interface CompletionFormat {
  /** The chunk that opens a choice of a stream, if there is one. */
  openChoice(identity: Identity, index: number): Words | undefined;
  /** One chunk for each piece; without pieces one for the tokens. */
  chunks(identity: Identity, index: number, delta: ChoiceDelta): readonly Words[];
  lastChunk(identity: Identity, index: number, finish: ChoiceFinish): Words;
  usageChunk(identity: Identity, usage: TokenUsage): Words;
  body(identity: Identity, choices: readonly FinishedChoice[], usage: TokenUsage): Words;
}

export const FINISH_REASONS: Readonly<Record<StopReason, 'stop' | 'length'>> = {
  'stop-token': 'stop',
  'stop-string': 'stop',
  length: 'length',
  context: 'length',
  cancelled: 'length',
};

const toFinishReason = ({ stopReason, hasCalls }: ChoiceFinish): string =>
  hasCalls && stopReason === 'stop-token' ? 'tool_calls' : FINISH_REASONS[stopReason];

/** Creates the id of a call of an answer. Choices and calls are counted from 0. */
export const nameCall = (
  id: string,
  { choice = 0, call }: { readonly choice?: number; readonly call: number },
): string => `call_${id.slice(-8)}_${choice}_${call}`;

const toUsage = ({ promptTokens, outputTokens, cachedTokens }: TokenUsage): Words => ({
  prompt_tokens: promptTokens,
  completion_tokens: outputTokens,
  total_tokens: promptTokens + outputTokens,
  ...(cachedTokens === undefined ? {} : { prompt_tokens_details: { cached_tokens: cachedTokens } }),
});

const lossy = new TextDecoder('utf-8', { ignoreBOM: true });
const toToken = ({ bytes }: TokenChance): string => lossy.decode(bytes);

const toChatLogprob = (token: TokenChance): Words => ({
  token: toToken(token),
  logprob: token.logprob,
  bytes: [...token.bytes],
});

/** Formats a token of a chat with its alternatives. Ollama uses the same format. */
export const formatChatToken = (token: TokenChance, alternatives: readonly TokenChance[]): Words => ({
  ...toChatLogprob(token),
  top_logprobs: alternatives.map(toChatLogprob),
});

function toChatLogprobs(tokens: readonly AnswerToken[] | undefined): Words | null {
  if (tokens === undefined) return null;
  return { content: tokens.map((token) => formatChatToken(token, token.alternatives)), refusal: null };
}

/** Formats log-probabilities. @param offset characters of the reply before the first of these tokens. */
function toCompletionLogprobs(tokens: readonly AnswerToken[] | undefined, offset: number): Words | null {
  if (tokens === undefined) return null;
  const texts = tokens.map(toToken);
  let at = offset;
  return {
    tokens: texts,
    token_logprobs: tokens.map(({ logprob }) => logprob),
    top_logprobs: tokens.map(({ logprob, alternatives }) =>
      logprob === null
        ? null
        : Object.fromEntries(alternatives.map((alternative) => [toToken(alternative), alternative.logprob])),
    ),
    text_offset: texts.map((text) => {
      const start = at;
      at += text.length;
      return start;
    }),
  };
}

const chat: CompletionFormat = {
  openChoice: (identity, index) =>
    chatChunk(identity, [{ index, delta: { role: 'assistant', content: '' }, logprobs: null, finish_reason: null }]),
  chunks: (identity, index, { pieces, logprobs }) =>
    (pieces.length === 0 ? NO_TEXT : pieces).map((piece, i) => {
      const delta = toChatDelta(piece, (call) => nameCall(identity.id, { choice: index, call }));
      return chatChunk(identity, [
        { index, delta, logprobs: toChatLogprobs(i === 0 ? logprobs : undefined), finish_reason: null },
      ]);
    }),
  lastChunk: (identity, index, finish) =>
    chatChunk(identity, [{ index, delta: {}, logprobs: null, finish_reason: toFinishReason(finish) }]),
  usageChunk: (identity, usage) => ({ ...chatChunk(identity, []), usage: toUsage(usage) }),
  body: ({ id, created, model }, choices, usage) => ({
    id,
    object: 'chat.completion',
    created,
    model,
    choices: choices.map(({ index, parts, stopReason, logprobs }) => ({
      index,
      message: toChatMessage(parts, (call) => nameCall(id, { choice: index, call })),
      logprobs: toChatLogprobs(logprobs),
      finish_reason: toFinishReason({ stopReason, hasCalls: parts.calls.length > 0 }),
    })),
    usage: toUsage(usage),
  }),
};

const NO_TEXT: readonly AnswerPiece[] = [{ kind: 'content', text: '' }];

function toChatMessage({ content, reasoning, calls }: AnswerParts, toId: (call: number) => string): Words {
  return {
    role: 'assistant',
    content: content === '' && calls.length > 0 ? null : content,
    refusal: null,
    ...(reasoning !== '' && { reasoning_content: reasoning }),
    ...(calls.length > 0 && {
      tool_calls: calls.map((called, call) => ({ id: toId(call), type: 'function', function: called })),
    }),
  };
}

function toChatDelta(piece: AnswerPiece, toId: (call: number) => string): Words {
  switch (piece.kind) {
    case 'content':
      return { content: piece.text };
    case 'reasoning':
      return { reasoning_content: piece.text };
    case 'call': {
      const begun = { index: piece.call, id: toId(piece.call), type: 'function' };
      return { tool_calls: [{ ...begun, function: { name: piece.name, arguments: '' } }] };
    }
    case 'arguments':
      return { tool_calls: [{ index: piece.call, function: { arguments: piece.text } }] };
  }
}

function chatChunk({ id, created, model }: Identity, choices: readonly Words[]): Words {
  return { id, object: 'chat.completion.chunk', created, model, choices };
}

const completion: CompletionFormat = {
  openChoice: () => undefined,
  chunks: (identity, index, { pieces, logprobs, offset }) => {
    const { content: text } = joinPieces(pieces);
    const shown = { index, text, logprobs: toCompletionLogprobs(logprobs, offset), finish_reason: null };
    return [completionObject(identity, [shown])];
  },
  lastChunk: (identity, index, { stopReason }) =>
    completionObject(identity, [{ index, text: '', logprobs: null, finish_reason: FINISH_REASONS[stopReason] }]),
  usageChunk: (identity, usage) => ({ ...completionObject(identity, []), usage: toUsage(usage) }),
  body: (identity, choices, usage) => ({
    ...completionObject(
      identity,
      choices.map(({ index, text, stopReason, logprobs }) => ({
        index,
        text,
        logprobs: toCompletionLogprobs(logprobs, 0),
        finish_reason: FINISH_REASONS[stopReason],
      })),
    ),
    usage: toUsage(usage),
  }),
};

function completionObject({ id, created, model }: Identity, choices: readonly Words[]): Words {
  return { id, object: 'text_completion', created, model, choices };
}

export const COMPLETION_FORMATS: Readonly<Record<Endpoint, CompletionFormat>> = { chat, completion };
