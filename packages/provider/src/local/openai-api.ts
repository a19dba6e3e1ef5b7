import { randomBytes } from 'node:crypto';
import type { GenerateEvent, StopReason, TokenLogprob } from '@ogong/engine/engine';
import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { parseModelRequest } from '../engine/model-request.ts';
import { generateLocally, type LocalModel } from './local-model.ts';

/** What a handler answers: one JSON document, or lines as they come. */
export type LocalAnswer =
  | { readonly kind: 'json'; readonly body: unknown }
  | { readonly kind: 'stream'; readonly contentType: string; readonly chunks: AsyncIterable<string> };

export interface LocalCall {
  readonly crypto: Crypto;
  readonly nowMs: number;
  readonly signal: AbortSignal;
  readonly find: (id: string) => LocalModel;
}

export function listOpenAiModels(models: readonly LocalModel[]) {
  const data = models.map(({ id, loadedAtMs }) => ({
    id,
    object: 'model',
    created: Math.floor(loadedAtMs / 1000),
    owned_by: 'local',
  }));
  return { object: 'list', data };
}

/** @throws RequestError, EngineError */
export async function completeChat(body: Uint8Array, call: LocalCall): Promise<LocalAnswer> {
  const request = parseModelRequest(body, 'chat');
  const { asked } = request;
  const model = call.find(asked.model);
  const shared = {
    id: `chatcmpl-${toHex(randomBytes(12))}`,
    created: Math.floor(call.nowMs / 1000),
    model: model.id,
  };
  const choices = Array.from({ length: asked.choices }, (_, choice) => ({
    index: choice,
    events: generateLocally(call.crypto, model, request, { choice, signal: call.signal }),
  }));
  if (asked.stream) {
    return { kind: 'stream', contentType: 'text/event-stream', chunks: streamChat(shared, choices, asked) };
  }
  const usage = createUsage();
  const results = await Promise.all(
    choices.map(async ({ index, events }) => {
      const logprobs: object[] = [];
      for await (const event of events) {
        usage.count(event);
        if (event.kind === 'token' && asked.logprobs) logprobs.push(formatLogprob(event));
        if (event.kind === 'end') {
          const message = { role: 'assistant', content: event.text };
          const content = asked.logprobs ? { content: logprobs } : null;
          return { index, message, logprobs: content, finish_reason: toFinishReason(event.stopReason) };
        }
      }
      throw new Error('the engine ended without an end');
    }),
  );
  return { kind: 'json', body: { ...shared, object: 'chat.completion', choices: results, usage: usage.total() } };
}

interface Choice {
  readonly index: number;
  readonly events: AsyncIterable<GenerateEvent>;
}

async function* streamChat(
  shared: object,
  choices: readonly Choice[],
  { includeUsage, logprobs }: { readonly includeUsage: boolean; readonly logprobs: boolean },
): AsyncGenerator<string> {
  const usage = createUsage();
  const line = (fields: object): string =>
    `data: ${JSON.stringify({ ...shared, object: 'chat.completion.chunk', ...fields })}\n\n`;
  const chunk = (index: number, delta: object, finish: string | null, logprob?: object): string =>
    line({ choices: [{ index, delta, logprobs: logprob ? { content: [logprob] } : null, finish_reason: finish }] });
  for (const { index, events } of choices) {
    let sent = 0;
    for await (const event of events) {
      usage.count(event);
      // Not before the engine has taken the request: a refusal still has its own status then.
      if (event.kind === 'start') yield chunk(index, { role: 'assistant', content: '' }, null);
      if (event.kind === 'token' && (event.text !== '' || logprobs)) {
        sent += event.text.length;
        yield chunk(index, { content: event.text }, null, logprobs ? formatLogprob(event) : undefined);
      } else if (event.kind === 'end') {
        const rest = event.text.slice(sent);
        if (rest !== '') yield chunk(index, { content: rest }, null);
        yield chunk(index, {}, toFinishReason(event.stopReason));
      }
    }
  }
  if (includeUsage) yield line({ choices: [], usage: usage.total() });
  yield 'data: [DONE]\n\n';
}

export function toFinishReason(reason: StopReason): 'stop' | 'length' {
  return reason === 'stop-token' || reason === 'stop-string' ? 'stop' : 'length';
}

function formatLogprob({ token, alternatives }: { token: TokenLogprob; alternatives: readonly TokenLogprob[] }) {
  const format = ({ bytes, logprob }: TokenLogprob) => ({
    token: new TextDecoder().decode(bytes),
    bytes: [...bytes],
    logprob,
  });
  return { ...format(token), top_logprobs: alternatives.map(format) };
}

function createUsage() {
  let promptTokens = 0;
  let outputTokens = 0;
  let cachedTokens = 0;
  return {
    count(event: GenerateEvent): void {
      // Every choice has the same prompt, which counts once.
      if (event.kind === 'start') promptTokens = event.promptTokens.length;
      else if (event.kind === 'end') {
        outputTokens += event.outputTokens.length;
        cachedTokens = Math.max(cachedTokens, event.cachedTokens);
      }
    },
    total: () => ({
      prompt_tokens: promptTokens,
      completion_tokens: outputTokens,
      total_tokens: promptTokens + outputTokens,
      prompt_tokens_details: { cached_tokens: cachedTokens },
    }),
  };
}

/** The document that OpenAI clients expect of a failure. */
export function formatOpenAiError(
  message: string,
  type: string,
  param: string | null = null,
  code: string | null = null,
) {
  return { error: { message, type, param, code } };
}

export const encodeJson = (value: unknown): Uint8Array => utf8Encode(JSON.stringify(value));
