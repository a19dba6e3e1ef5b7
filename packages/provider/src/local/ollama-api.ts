import type { TextGenerationEvent } from '@ogong/engine/interface/text';
import { type ApiContext, getCallSignal, type Handler } from '@ogong/host/http/api-app';
import { readBody } from '@ogong/host/http/body';
import { streamText } from '@ogong/host/http/text-stream';
import { FINISH_REASONS } from '@ogong/host/openai/format';
import { toHex } from '@ogong/protocol/base/bytes';
import { parseJson } from '@ogong/protocol/base/json';
import type { Route } from '@ogong/protocol/http/routes';
import { RequestError } from '@ogong/protocol/modality/text/request/request';
import { type ModelRequest, parseModelRequest } from '../engine/model-request.ts';
import { BODY_LIMITS, encodeJson, findModel, generateLocally, type LocalCall, type LocalModel } from './local-model.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Ollama's documented defaults where a request names none. */
const DEFAULTS = { temperature: 0.8, top_k: 40, top_p: 0.9 };
const OPTIONS = [
  'temperature',
  'top_k',
  'top_p',
  'min_p',
  'seed',
  'stop',
  'presence_penalty',
  'frequency_penalty',
] as const;

/** The release of Ollama's API that this one follows; some clients ask before they talk. */
const OLLAMA_VERSION = '0.6.0';

export const OLLAMA_ROUTES = {
  version: { method: 'GET', path: '/api/version' },
  tags: { method: 'GET', path: '/api/tags' },
  chat: { method: 'POST', path: '/api/chat' },
  generate: { method: 'POST', path: '/api/generate' },
} as const satisfies Readonly<Record<string, Route>>;

export function createOllamaHandlers(call: LocalCall): Readonly<Record<keyof typeof OLLAMA_ROUTES, Handler>> {
  return {
    version: (context) => context.json({ version: OLLAMA_VERSION }),
    tags: (context) => context.json(listModels(call.models)),
    chat: (context) => chat(context, call),
    generate: (context) => generate(context, call),
  };
}

function listModels(models: readonly LocalModel[]) {
  return {
    models: models.map(({ id, engine, loadedAtMs, sizeBytes }) => ({
      name: id,
      model: id,
      modified_at: new Date(loadedAtMs).toISOString(),
      size: sizeBytes,
      digest: toHex(engine.info().modelRoot),
      details: { format: 'gguf', quantization_level: engine.info().weightType },
    })),
  };
}

/** @throws RequestError, EngineError */
async function chat(context: ApiContext, call: LocalCall): Promise<Response> {
  const fields = parseFields(await readBody(context, BODY_LIMITS));
  return answer(context, call, {
    fields,
    messages: fields.messages,
    format: (content) => ({ message: { role: 'assistant', content } }),
  });
}

/** The prompt as one message of a user. @throws RequestError, EngineError */
async function generate(context: ApiContext, call: LocalCall): Promise<Response> {
  const fields = parseFields(await readBody(context, BODY_LIMITS));
  const system = typeof fields.system === 'string' ? [{ role: 'system', content: fields.system }] : [];
  const messages = [...system, { role: 'user', content: fields.prompt ?? '' }];
  return answer(context, call, { fields, messages, format: (response) => ({ response }) });
}

interface OllamaCall {
  readonly fields: Fields;
  readonly messages: unknown;
  /** How a piece of text is worded. */
  readonly format: (text: string) => object;
}

async function answer(
  context: ApiContext,
  call: LocalCall,
  { fields, messages, format }: OllamaCall,
): Promise<Response> {
  const model = findModel(call, String(fields.model ?? ''));
  const request = toRequest(fields, messages, model);
  const shared = { model: model.id, created_at: new Date(call.clock.nowMs()).toISOString() };
  const events = generateLocally(call.crypto, model, request, { signal: getCallSignal(context) });
  const lines = formatLines(events, shared, format);
  if (fields.stream !== false) {
    return streamText(
      context,
      async (write) => {
        for await (const { body } of lines) await write(`${JSON.stringify(body)}\n`);
      },
      {
        headers: { 'content-type': 'application/x-ndjson', 'cache-control': 'no-cache' },
        formatFailure: (error) => `${JSON.stringify({ error: context.get('explain')(error).message })}\n`,
      },
    );
  }
  let text = '';
  for await (const { body, piece } of lines) {
    text += piece;
    if (body.done) return context.json({ ...body, ...format(text) });
  }
  throw new Error('the engine ended without an end');
}

interface Line {
  readonly piece: string;
  readonly body: { readonly done: boolean };
}

async function* formatLines(
  events: AsyncIterable<TextGenerationEvent>,
  shared: object,
  format: (text: string) => object,
): AsyncGenerator<Line> {
  const startedAt = performance.now();
  let promptTokens = 0;
  let sent = 0;
  const line = (piece: string): Line => ({ piece, body: { ...shared, ...format(piece), done: false } });
  for await (const event of events) {
    if (event.kind === 'start') promptTokens = event.promptTokens.length;
    else if (event.kind === 'token' && event.text !== '') {
      sent += event.text.length;
      yield line(event.text);
    } else if (event.kind === 'end') {
      const rest = event.text.slice(sent);
      if (rest !== '') yield line(rest);
      const { promptMs, decodeMs } = event.timings;
      const body = {
        ...shared,
        ...format(''),
        done: true,
        done_reason: FINISH_REASONS[event.stopReason],
        total_duration: toNanoseconds(performance.now() - startedAt),
        load_duration: 0,
        prompt_eval_count: promptTokens,
        prompt_eval_duration: toNanoseconds(promptMs),
        eval_count: event.outputTokens.length,
        eval_duration: toNanoseconds(decodeMs),
      };
      yield { piece: '', body };
    }
  }
}

const toNanoseconds = (ms: number): number => Math.round(ms * 1e6);

function parseFields(body: Uint8Array): Fields {
  let parsed: unknown;
  try {
    parsed = parseJson(body);
  } catch (cause) {
    throw new RequestError(`the body cannot be read: ${(cause as Error).message}`, null, null, { cause });
  }
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed as Fields;
  throw new RequestError('the body must be a JSON object');
}

/** The OpenAI request that asks for the same, so that one parser serves both APIs. */
function toRequest({ options, ...fields }: Fields, messages: unknown, model: LocalModel): ModelRequest {
  if (fields.tools !== undefined && Array.isArray(fields.tools) && fields.tools.length > 0) {
    throw new RequestError('tool calls are not served; leave `tools` out', 'tools');
  }
  const given = (typeof options === 'object' && options !== null ? options : {}) as Fields;
  const sampling = Object.fromEntries(
    OPTIONS.filter((key) => given[key] !== undefined).map((key) => [key, given[key]]),
  );
  const wanted = given.num_predict;
  // Ollama's -1 and -2 mean as much as fits.
  const isBounded = typeof wanted === 'number' && wanted >= 0;
  const maxTokens = isBounded ? wanted : model.engine.info().contextSize;
  const body = { model: model.id, messages, ...DEFAULTS, ...sampling, max_tokens: maxTokens };
  return parseModelRequest(encodeJson(body), 'chat');
}
