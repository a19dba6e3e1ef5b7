import type { TextEngine } from '@ogong/engine/interface/text';
import type { Handler } from '@ogong/host/http/api-app';
import { readBody } from '@ogong/host/http/body';
import { answerCompletion, type ChoiceEnd, type ChoicePart } from '@ogong/host/openai/completion';
import { type AnswerToken, createIdentity, formatModel, formatModelList } from '@ogong/host/openai/format';
import type { Endpoint } from '@ogong/protocol/modality/text/commitment/header';
import { type ModelRequest, parseModelRequest } from '../engine/model-request.ts';
import { BODY_LIMITS, borrowText, findToday, generateLocally, type LocalCall } from './local-model.ts';
import { findModel, type ShelfModel } from './model-shelf.ts';
import { embedOpenAi } from './openai-embeddings.ts';

const HEARTBEAT_MS = 10_000;

export function createOpenAiHandlers(call: LocalCall): Readonly<Record<Endpoint | 'embedding' | 'models', Handler>> {
  return {
    chat: createCompletionHandler('chat', call),
    completion: createCompletionHandler('completion', call),
    embedding: (context) => embedOpenAi(context, call),
    models: async (context) => context.json(formatModelList((await call.shelf.list()).map(formatListed))),
  };
}

const formatListed = ({ name, modifiedAtMs }: ShelfModel) =>
  formatModel({ id: name, created: Math.floor(modifiedAtMs / 1000), ownedBy: 'local' });

/** @throws RequestError, ApiError, EngineError */
function createCompletionHandler(endpoint: Endpoint, call: LocalCall): Handler {
  return async (context) => {
    const request = parseModelRequest(await readBody(context, BODY_LIMITS), endpoint, findToday(call.clock));
    const model = await findModel(call.shelf, request.asked.model);
    const { engine, release } = await borrowText(call, model, { use: endpoint });
    return answerCompletion(context, {
      endpoint,
      identity: createIdentity(endpoint, {
        // As the client wrote it.
        model: request.asked.model,
        nowMs: call.clock.nowMs(),
        random: call.randomBytes(18),
      }),
      request: request.asked,
      serve: (choice, signal) => generateChoice(call, { engine, request, choice, signal }),
      heartbeatMs: HEARTBEAT_MS,
      onEnd: release,
    });
  };
}

interface ChoiceJob {
  readonly engine: TextEngine;
  readonly request: ModelRequest;
  readonly choice: number;
  readonly signal: AbortSignal;
}

async function* generateChoice(
  { crypto }: LocalCall,
  { engine, request, choice, signal }: ChoiceJob,
): AsyncGenerator<ChoicePart, ChoiceEnd> {
  const { logprobs } = request.asked;
  const tokens: AnswerToken[] = [];
  let promptTokens = 0;
  let sent = 0;
  for await (const event of generateLocally(crypto, { engine }, request, { choice, signal })) {
    if (event.kind === 'start') promptTokens = event.promptTokens.length;
    if (event.kind === 'token' && (event.text !== '' || logprobs)) {
      const shown = logprobs ? [{ ...event.token, alternatives: event.alternatives }] : [];
      tokens.push(...shown);
      sent += event.text.length;
      yield { text: event.text, tokens: shown };
    }
    if (event.kind === 'end') {
      const { text, stopReason, outputTokens, cachedTokens } = event;
      if (text.length > sent) yield { text: text.slice(sent), tokens: [] };
      return { choice, text, tokens, stopReason, promptTokens, outputTokens: outputTokens.length, cachedTokens };
    }
  }
  throw new Error('the engine ended without an end');
}
