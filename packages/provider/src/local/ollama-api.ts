import type { GenerateEvent } from '@ogong/engine/engine';
import { toHex, utf8Decode } from '@ogong/protocol/base/bytes';
import { RequestError } from '@ogong/protocol/exchange/request';
import { type ModelRequest, parseModelRequest } from '../engine/model-request.ts';
import { generateLocally, type LocalModel } from './local-model.ts';
import { encodeJson, type LocalAnswer, type LocalCall, toFinishReason } from './openai-api.ts';

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

export function listOllamaModels(models: readonly LocalModel[]) {
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

/** POST /api/chat. @throws RequestError, EngineError */
export function chatAsOllama(body: Uint8Array, call: LocalCall): Promise<LocalAnswer> {
  const fields = parseFields(body);
  return answer(fields, fields.messages, call, (content) => ({ message: { role: 'assistant', content } }));
}

/** POST /api/generate: the prompt as one message of a user. @throws RequestError, EngineError */
export function generateAsOllama(body: Uint8Array, call: LocalCall): Promise<LocalAnswer> {
  const fields = parseFields(body);
  const system = typeof fields.system === 'string' ? [{ role: 'system', content: fields.system }] : [];
  const messages = [...system, { role: 'user', content: fields.prompt ?? '' }];
  return answer(fields, messages, call, (response) => ({ response }));
}

async function answer(
  fields: Fields,
  messages: unknown,
  call: LocalCall,
  format: (text: string) => object,
): Promise<LocalAnswer> {
  const model = call.find(String(fields.model ?? ''));
  const request = toRequest(fields, messages, model);
  const shared = { model: model.id, created_at: new Date(call.nowMs).toISOString() };
  const events = generateLocally(call.crypto, model, request, { signal: call.signal });
  const lines = formatLines(events, shared, format);
  if (fields.stream !== false) {
    const chunks = (async function* () {
      for await (const line of lines) yield `${JSON.stringify(line.body)}\n`;
    })();
    return { kind: 'stream', contentType: 'application/x-ndjson', chunks };
  }
  let text = '';
  for await (const { body, piece } of lines) {
    text += piece;
    if (body.done) return { kind: 'json', body: { ...body, ...format(text) } };
  }
  throw new Error('the engine ended without an end');
}

interface Line {
  readonly piece: string;
  readonly body: { readonly done: boolean };
}

async function* formatLines(
  events: AsyncIterable<GenerateEvent>,
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
        done_reason: toFinishReason(event.stopReason),
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
  try {
    const parsed: unknown = JSON.parse(utf8Decode(body));
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed as Fields;
  } catch (cause) {
    throw new RequestError('the body is not JSON', null, null, { cause });
  }
  throw new RequestError('the body must be a JSON object');
}

/** As the OpenAI request that asks for the same, so that there is one parser for what a model is told. */
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
