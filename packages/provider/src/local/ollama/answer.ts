import type { TextEngine, TextGenerationEvent } from '@ogong/engine/interface/text';
import { type ApiContext, getCallSignal } from '@ogong/host/http/api-app';
import { streamText } from '@ogong/host/http/text-stream';
import { showClamped } from '@ogong/host/openai/answer-headers';
import { FINISH_REASONS, formatChatToken, type Json } from '@ogong/host/openai/format';
import { RequestError } from '@ogong/protocol/modality/text/request/request-error';
import type { ModelRequest } from '../../engine/model-request.ts';
import type { Fields } from '../field-rules.ts';
import type { Lease } from '../loaded-models.ts';
import { generateLocally, type LocalCall } from '../local-model.ts';

export interface OllamaAnswer {
  /** As the client wrote it. */
  readonly model: string;
  readonly request: ModelRequest;
  /** The context that was asked for, in tokens. */
  readonly contextSize: number | undefined;
  readonly stream: boolean;
  /** How a piece of text is worded. */
  readonly format: (text: string) => object;
}

/** Takes the lease over: it ends with the answer. @throws RequestError, EngineError while nothing is sent. */
export async function answerOllama(
  context: ApiContext,
  call: LocalCall,
  lease: Lease & { readonly engine: TextEngine },
  answer: OllamaAnswer,
): Promise<Response> {
  const { engine, loadMs, release } = lease;
  const { model, format, stream } = answer;
  const signal = getCallSignal(context);
  let lines: AsyncGenerator<Line>;
  try {
    const request = await fitContext(context, engine, answer);
    const shared = { model, created_at: new Date(call.clock.nowMs()).toISOString() };
    const events = generateLocally(call.crypto, { engine }, request, { signal });
    lines = formatLines(events, { shared, format, loadMs, logprobs: request.asked.logprobs });
  } catch (error) {
    release();
    throw error;
  }
  if (stream) {
    return streamText(
      context,
      async (write) => {
        try {
          for await (const { body } of lines) await write(`${JSON.stringify(body)}\n`);
        } finally {
          release();
        }
      },
      {
        headers: { 'content-type': 'application/x-ndjson', 'cache-control': 'no-cache' },
        formatFailure: (error) => `${JSON.stringify({ error: context.get('explain')(error).message })}\n`,
      },
    );
  }
  try {
    let text = '';
    const logprobs: Json[] = [];
    for await (const { body, piece } of lines) {
      text += piece;
      logprobs.push(...(body.logprobs ?? []));
      const shown = logprobs.length > 0 ? { logprobs } : {};
      if (body.done) return context.json({ ...body, ...format(text), ...shown });
    }
    throw new Error('the engine ended without an end');
  } finally {
    release();
  }
}

/** Cuts the reply where the context ends that the client asked for. @throws RequestError where the prompt is longer. */
async function fitContext(
  context: ApiContext,
  engine: TextEngine,
  { request, contextSize }: OllamaAnswer,
): Promise<ModelRequest> {
  const own = engine.info().contextSize;
  if (contextSize === undefined) return request;
  if (contextSize > own) {
    showClamped(context, { 'options.num_ctx': own });
    return request;
  }
  const prompt = await engine.tokenizePrompt(request.prompt);
  const room = contextSize - prompt.length;
  if (room < 1) {
    const message = `the prompt has ${prompt.length} tokens and options.num_ctx is ${contextSize}`;
    throw new RequestError(message, 'options.num_ctx');
  }
  return { ...request, asked: { ...request.asked, maxTokens: Math.min(request.asked.maxTokens, room) } };
}

interface Line {
  readonly piece: string;
  readonly body: { readonly done: boolean; readonly logprobs?: readonly Json[] };
}

interface Wording {
  readonly shared: Fields;
  readonly format: (text: string) => object;
  readonly loadMs: number;
  readonly logprobs: boolean;
}

async function* formatLines(
  events: AsyncIterable<TextGenerationEvent>,
  { shared, format, loadMs, logprobs }: Wording,
): AsyncGenerator<Line> {
  const startedAt = performance.now();
  let promptTokens = 0;
  let sent = 0;
  const line = (piece: string, more: object = {}): Line => ({
    piece,
    body: { ...shared, ...format(piece), done: false, ...more },
  });
  for await (const event of events) {
    if (event.kind === 'start') promptTokens = event.promptTokens.length;
    else if (event.kind === 'token' && (event.text !== '' || logprobs)) {
      sent += event.text.length;
      yield line(event.text, logprobs ? { logprobs: [formatChatToken(event.token, event.alternatives)] } : {});
    } else if (event.kind === 'end') {
      const rest = event.text.slice(sent);
      if (rest !== '') yield line(rest);
      const { promptMs, decodeMs } = event.timings;
      const body = {
        ...shared,
        ...format(''),
        done: true,
        done_reason: FINISH_REASONS[event.stopReason],
        total_duration: toNanoseconds(loadMs + performance.now() - startedAt),
        load_duration: toNanoseconds(loadMs),
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
