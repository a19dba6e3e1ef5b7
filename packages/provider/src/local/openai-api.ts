import type { Prompt, TextEngine } from '@ogong/engine/interface/text';
import { showModel, showModels } from '@ogong/host/dialect/models';
import type { ApiContext, Handler } from '@ogong/host/http/api-app';
import { readBody } from '@ogong/host/http/body';
import { answerCompletion, type ChoiceEnd, type ChoicePart } from '@ogong/host/openai/completion';
import { type AnswerToken, createIdentity, formatModel } from '@ogong/host/openai/format';
import type { Endpoint } from '@ogong/protocol/modality/text/commitment/header';
import type { InferenceRequest } from '@ogong/protocol/modality/text/request/request';
import type { ModelRequest } from '../engine/model-request.ts';
import { BODY_LIMITS, borrowText, findToday, generateLocally, type LocalCall } from './local-model.ts';
import { withDefaults } from './model-defaults.ts';
import { findModel, type ShelfModel } from './model-shelf.ts';
import { embedOpenAi } from './openai-embeddings.ts';
import { addParameters, fitModel, parseOpenAiRequest } from './openai-request.ts';

export const HEARTBEAT_MS = 10_000;

export function createOpenAiHandlers(
  call: LocalCall,
): Readonly<Record<Endpoint | 'embedding' | 'model' | 'models', Handler>> {
  return {
    chat: createCompletionHandler('chat', call),
    completion: createCompletionHandler('completion', call),
    embedding: (context) => embedOpenAi(context, call),
    model: async (context) => showModel(context, formatListed(await findModel(call.shelf, context.req.param('id')))),
    models: async (context) => showModels(context, (await call.shelf.list()).map(formatListed)),
  };
}

const formatListed = ({ name, modifiedAtMs }: ShelfModel) =>
  formatModel({ id: name, created: Math.floor(modifiedAtMs / 1000), ownedBy: 'local' });

/** @throws RequestError, ApiError, EngineError */
function createCompletionHandler(endpoint: Endpoint, call: LocalCall): Handler {
  return async (context) => {
    const body = await readBody(context, BODY_LIMITS);
    const { asked, prompts, ...serving } = await openCompletion(context, call, { endpoint, body });
    return answerCompletion(context, {
      endpoint,
      identity: createIdentity(endpoint, {
        // As the client wrote it.
        model: asked.model,
        nowMs: call.clock.nowMs(),
        random: call.randomBytes(18),
      }),
      request: { ...asked, choices: asked.choices * prompts },
      choicesPerPrompt: asked.choices,
      ...serving,
      heartbeatMs: HEARTBEAT_MS,
    });
  };
}

/** A request whose model is loaded. */
interface OpenCompletion {
  readonly asked: InferenceRequest;
  /** How many there are. Each has as many choices as were asked for. */
  readonly prompts: number;
  readonly serve: (choice: number, signal: AbortSignal) => AsyncGenerator<ChoicePart, ChoiceEnd>;
  /** Gives the model back. */
  readonly onEnd: () => void;
}

/** Reads a request, loads its model and fits the one to the other. @throws RequestError, ApiError, EngineError */
export async function openCompletion(
  context: ApiContext,
  call: LocalCall,
  { endpoint, body }: { readonly endpoint: Endpoint; readonly body: Uint8Array },
): Promise<OpenCompletion> {
  const day = findToday(call.clock);
  const first = parseOpenAiRequest(body, endpoint, day);
  const model = await findModel(call.shelf, first.asked.model);
  const request = model.defaults ? parseOpenAiRequest(addParameters(body, model), endpoint, day) : first;
  const { engine, release } = await borrowText(call, model, { use: endpoint });
  const asked = fitModel(context, engine, request, model);
  const { prompts, echo } = request;
  return {
    asked,
    prompts: prompts.length,
    serve: (choice, signal) => {
      const prompt = addDefaults(prompts[Math.floor(choice / asked.choices)] as Prompt, model);
      // Under one seed, a prompt among others has the answer that it has alone.
      const draw = choice % asked.choices;
      return generateChoice(call, { engine, request: { asked, prompt }, choice, draw, echo, signal });
    },
    onEnd: release,
  };
}

export const addDefaults = (prompt: Prompt, { defaults }: ShelfModel): Prompt =>
  'messages' in prompt ? { ...prompt, messages: withDefaults(prompt.messages, defaults) } : prompt;

interface ChoiceJob {
  readonly engine: TextEngine;
  readonly request: ModelRequest;
  readonly choice: number;
  /** Which of the replies to one prompt. */
  readonly draw: number;
  readonly echo: boolean;
  readonly signal: AbortSignal;
}

async function* generateChoice(
  { crypto }: LocalCall,
  { engine, request, choice, draw, echo, signal }: ChoiceJob,
): AsyncGenerator<ChoicePart, ChoiceEnd> {
  const { logprobs } = request.asked;
  const tokens: AnswerToken[] = [];
  const shownPrompt = echo ? await readPromptText(engine, request.prompt) : '';
  let promptTokens = 0;
  let sent = 0;
  for await (const event of generateLocally(crypto, { engine }, request, { choice: draw, signal })) {
    if (event.kind === 'start') {
      promptTokens = event.promptTokens.length;
      if (shownPrompt !== '') yield { text: shownPrompt, tokens: [] };
    }
    if (event.kind === 'token' && (event.text !== '' || logprobs)) {
      const shown = logprobs ? [{ ...event.token, alternatives: event.alternatives }] : [];
      tokens.push(...shown);
      sent += event.text.length;
      yield { text: event.text, tokens: shown };
    }
    if (event.kind === 'end') {
      const { stopReason, outputTokens, cachedTokens } = event;
      if (event.text.length > sent) yield { text: event.text.slice(sent), tokens: [] };
      const text = shownPrompt + event.text;
      return { choice, text, tokens, stopReason, promptTokens, outputTokens: outputTokens.length, cachedTokens };
    }
  }
  throw new Error('the engine ended without an end');
}

async function readPromptText(engine: TextEngine, prompt: Prompt): Promise<string> {
  if (prompt.kind === 'text') return prompt.text;
  return prompt.kind === 'tokens' ? new TextDecoder().decode(await engine.detokenize(prompt.tokens)) : '';
}
