import type { Endpoint, StopReason } from '@ogong/protocol/commitment/header';
import type { TokenLogprob } from '@ogong/protocol/generated/ogong/v1/ogong_pb';

/** OpenAI's response objects, chat and completions behind one shape (docs: their openapi.json). */
export interface Identity {
  readonly id: string;
  /** Unix time, s. */
  readonly created: number;
  readonly model: string;
}

export type Json = Readonly<Record<string, unknown>>;

export interface Usage {
  readonly promptTokens: number;
  readonly outputTokens: number;
}

export interface FinishedChoice {
  readonly index: number;
  readonly text: string;
  readonly stopReason: StopReason;
  /** Absent where none were asked for. */
  readonly logprobs?: readonly TokenLogprob[];
}

/** How an endpoint words its chunks and bodies. */
export interface Dialect {
  /** What a stream opens a choice with, if anything. */
  openChoice(identity: Identity, index: number): Json | undefined;
  chunk(
    identity: Identity,
    index: number,
    delta: { text: string; logprobs?: readonly TokenLogprob[]; offset: number },
  ): Json;
  lastChunk(identity: Identity, index: number, stopReason: StopReason): Json;
  usageChunk(identity: Identity, usage: Usage): Json;
  body(identity: Identity, choices: readonly FinishedChoice[], usage: Usage): Json;
}

const FINISH: Readonly<Record<StopReason, 'stop' | 'length'>> = {
  'stop-token': 'stop',
  'stop-string': 'stop',
  length: 'length',
  context: 'length',
  cancelled: 'length',
};

const toUsage = ({ promptTokens, outputTokens }: Usage): Json => ({
  prompt_tokens: promptTokens,
  completion_tokens: outputTokens,
  total_tokens: promptTokens + outputTokens,
});

const lossy = new TextDecoder('utf-8', { ignoreBOM: true });
const toToken = ({ bytes }: TokenLogprob): string => lossy.decode(bytes);

const toChatLogprob = (token: TokenLogprob): Json => ({
  token: toToken(token),
  logprob: token.logprob,
  bytes: [...token.bytes],
});

function toChatLogprobs(tokens: readonly TokenLogprob[] | undefined): Json | null {
  if (tokens === undefined) return null;
  const content = tokens.map((token) => ({
    ...toChatLogprob(token),
    top_logprobs: token.alternatives.map(toChatLogprob),
  }));
  return { content, refusal: null };
}

/** @param offset characters of the reply before the first of these tokens. */
function toCompletionLogprobs(tokens: readonly TokenLogprob[] | undefined, offset: number): Json | null {
  if (tokens === undefined) return null;
  const texts = tokens.map(toToken);
  let at = offset;
  return {
    tokens: texts,
    token_logprobs: tokens.map(({ logprob }) => logprob),
    top_logprobs: tokens.map(({ alternatives }) =>
      Object.fromEntries(alternatives.map((alternative) => [toToken(alternative), alternative.logprob])),
    ),
    text_offset: texts.map((text) => {
      const start = at;
      at += text.length;
      return start;
    }),
  };
}

const chat: Dialect = {
  openChoice: (identity, index) =>
    chatChunk(identity, [{ index, delta: { role: 'assistant', content: '' }, logprobs: null, finish_reason: null }]),
  chunk: (identity, index, { text, logprobs }) =>
    chatChunk(identity, [{ index, delta: { content: text }, logprobs: toChatLogprobs(logprobs), finish_reason: null }]),
  lastChunk: (identity, index, stopReason) =>
    chatChunk(identity, [{ index, delta: {}, logprobs: null, finish_reason: FINISH[stopReason] }]),
  usageChunk: (identity, usage) => ({ ...chatChunk(identity, []), usage: toUsage(usage) }),
  body: ({ id, created, model }, choices, usage) => ({
    id,
    object: 'chat.completion',
    created,
    model,
    choices: choices.map(({ index, text, stopReason, logprobs }) => ({
      index,
      message: { role: 'assistant', content: text, refusal: null },
      logprobs: toChatLogprobs(logprobs),
      finish_reason: FINISH[stopReason],
    })),
    usage: toUsage(usage),
  }),
};

function chatChunk({ id, created, model }: Identity, choices: readonly Json[]): Json {
  return { id, object: 'chat.completion.chunk', created, model, choices };
}

const completion: Dialect = {
  openChoice: () => undefined,
  chunk: (identity, index, { text, logprobs, offset }) =>
    completionObject(identity, [
      { index, text, logprobs: toCompletionLogprobs(logprobs, offset), finish_reason: null },
    ]),
  lastChunk: (identity, index, stopReason) =>
    completionObject(identity, [{ index, text: '', logprobs: null, finish_reason: FINISH[stopReason] }]),
  usageChunk: (identity, usage) => ({ ...completionObject(identity, []), usage: toUsage(usage) }),
  body: (identity, choices, usage) => ({
    ...completionObject(
      identity,
      choices.map(({ index, text, stopReason, logprobs }) => ({
        index,
        text,
        logprobs: toCompletionLogprobs(logprobs, 0),
        finish_reason: FINISH[stopReason],
      })),
    ),
    usage: toUsage(usage),
  }),
};

function completionObject({ id, created, model }: Identity, choices: readonly Json[]): Json {
  return { id, object: 'text_completion', created, model, choices };
}

export const dialects: Readonly<Record<Endpoint, Dialect>> = { chat, completion };
