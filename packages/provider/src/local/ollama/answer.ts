import type { TextEngine, TextGenerationEvent } from '@ogong/engine/interface/text';
import { type ApiContext, getCallSignal } from '@ogong/host/http/api-app';
import { streamText } from '@ogong/host/http/text-stream';
import { createTextTemplate } from '@ogong/host/http/text-template';
import type { Json } from '@ogong/host/openai/format';
import { createChoiceParser } from '@ogong/host/openai/read-choice';
import type { AnswerParser } from '@ogong/protocol/modality/text/answer/answer-parser';
import { FINISH_REASONS, formatChatToken } from '@ogong/protocol/modality/text/dialect/completion-formats';
import { isChat } from '@ogong/protocol/modality/text/request/request';
import type { Lease } from '../../engine/loaded-models.ts';
import type { KeptReply } from '../../modality/local-reply.ts';
import type { ServedRequest } from '../../modality/text/commit-locally.ts';
import { chooseAnswerFormat } from '../../modality/text/model-request.ts';
import { nameReceipt, toInlineReceipt } from '../answer-receipts.ts';
import type { Fields } from '../field-rules.ts';
import { generateLocally, hasReceipts, type LocalCall } from '../local-model.ts';
import { createCollector, isContent, isNothing, joinParts, NO_PARTS, type OllamaParts } from './parts.ts';

export interface OllamaAnswer {
  /** Name of the model as the client wrote it. */
  readonly model: string;
  readonly request: ServedRequest;
  readonly stream: boolean;
  /** How a piece of the answer is worded. */
  readonly format: (parts: OllamaParts) => object;
  /** Whether the end shows the tokens of prompt and answer, which a later request may send as `context`. Default: no. */
  readonly showsContext?: boolean;
}

/** Takes the lease over: it ends with the answer. @throws RequestError, EngineError while nothing is sent. */
export async function answerOllama(
  context: ApiContext,
  call: LocalCall,
  lease: Lease & { readonly engine: TextEngine },
  answer: OllamaAnswer,
): Promise<Response> {
  const { engine, loadMs, release } = lease;
  const { model, format, stream, request, showsContext = false } = answer;
  const signal = getCallSignal(context);
  const receiptOf = hasReceipts(engine) ? nameReceipt : () => ({});
  const answerId = `ollama-${Buffer.from(call.randomBytes(18)).toString('base64url')}`;
  let events: AsyncIterable<TextGenerationEvent>;
  let toLines: LineFormatter;
  try {
    const shared = { model, created_at: new Date(call.clock.nowMs()).toISOString() };
    const keep = (reply: KeptReply) => call.receipts.keep({ answerId, choice: 0 }, reply);
    events = generateLocally(call, { engine, request, keep, signal });
    const toExtra = () => toInlineReceipt(context, call, answerId);
    const terms = isChat(request.asked) ? request.asked.terms : undefined;
    const parser = createChoiceParser(chooseAnswerFormat(engine.info(), request.asked), terms);
    toLines = createLineFormatter({
      shared,
      parser,
      format,
      loadMs,
      logprobs: request.asked.logprobs,
      showsContext,
      toExtra,
    });
  } catch (error) {
    release();
    throw error;
  }
  if (stream) {
    return streamText(
      context,
      async (write) => {
        try {
          for await (const event of events) {
            for (const line of toLines(event)) {
              const written = write(line.toText());
              if (written !== undefined) await written;
            }
          }
        } finally {
          release();
        }
      },
      {
        headers: { 'content-type': 'application/x-ndjson', 'cache-control': 'no-cache', ...receiptOf(answerId) },
        formatFailure: (error) => `${JSON.stringify({ error: context.get('explain')(error).message })}\n`,
      },
    );
  }
  try {
    let whole = NO_PARTS;
    const logprobs: Json[] = [];
    for await (const event of events) {
      for (const { piece, logprobs: shown = [], end } of toLines(event)) {
        whole = joinParts(whole, piece);
        logprobs.push(...shown);
        const more = logprobs.length > 0 ? { logprobs } : {};
        if (end) return context.json({ ...end, ...format(whole), ...more }, 200, receiptOf(answerId));
      }
    }
    throw new Error('the engine ended without an end');
  } finally {
    release();
  }
}

interface Line {
  readonly piece: OllamaParts;
  readonly logprobs?: readonly Json[];
  /** Body of the last line. */
  readonly end?: object;
  /** Writes the line of a stream. */
  readonly toText: () => string;
}

interface Wording {
  readonly shared: Fields;
  readonly parser: AnswerParser;
  readonly format: (parts: OllamaParts) => object;
  readonly loadMs: number;
  readonly logprobs: boolean;
  readonly showsContext: boolean;
  /** Fields of the last line. */
  readonly toExtra: () => Json;
}

/** Returns the lines of the next event, mostly one. */
type LineFormatter = (event: TextGenerationEvent) => readonly Line[];

const NO_LINES: readonly Line[] = [];

/** Writes an answer as lines. A generator between the events and their reader would make several promises for each token. */
function createLineFormatter({
  shared,
  parser,
  format,
  loadMs,
  logprobs,
  showsContext,
  toExtra,
}: Wording): LineFormatter {
  const startedAt = performance.now();
  let promptTokens = new Uint32Array();
  let sent = 0;
  const collector = createCollector();
  const write = (body: object): string => `${JSON.stringify(body)}\n`;
  const begin = (piece: OllamaParts): object => ({ ...shared, ...format(piece), done: false });
  const writeContent = createTextTemplate((content) => write(begin({ ...NO_PARTS, content })));
  const line = (piece: OllamaParts, more: Pick<Line, 'logprobs'> = {}): Line => ({
    ...{ piece, ...more },
    toText: () =>
      more.logprobs === undefined && isContent(piece)
        ? writeContent(piece.content)
        : write({ ...begin(piece), ...more }),
  });

  function addToken({ text, token, alternatives }: Extract<TextGenerationEvent, { kind: 'token' }>): readonly Line[] {
    if (text === '' && !logprobs) return NO_LINES;
    sent += text.length;
    const parts = collector.add(parser.push(text));
    if (logprobs) return [line(parts, { logprobs: [formatChatToken(token, alternatives)] })];
    return isNothing(parts) ? NO_LINES : [line(parts)];
  }

  function end(event: Extract<TextGenerationEvent, { kind: 'end' }>): readonly Line[] {
    const rest = collector.end([...parser.push(event.text.slice(sent)), ...parser.end()]);
    const { promptMs, decodeMs } = event.timings;
    const body = {
      ...shared,
      ...format(NO_PARTS),
      done: true,
      done_reason: FINISH_REASONS[event.stopReason],
      total_duration: toNanoseconds(loadMs + performance.now() - startedAt),
      load_duration: toNanoseconds(loadMs),
      ...(showsContext ? { context: [...promptTokens, ...event.outputTokens] } : {}),
      prompt_eval_count: promptTokens.length,
      prompt_eval_duration: toNanoseconds(promptMs),
      eval_count: event.outputTokens.length,
      eval_duration: toNanoseconds(decodeMs),
      ...toExtra(),
    };
    const last = { piece: NO_PARTS, end: body, toText: () => write(body) };
    return isNothing(rest) ? [last] : [line(rest), last];
  }

  return (event) => {
    if (event.kind === 'start') promptTokens = Uint32Array.from(event.promptTokens);
    else if (event.kind === 'token') return addToken(event);
    else if (event.kind === 'end') return end(event);
    return NO_LINES;
  };
}

const toNanoseconds = (ms: number): number => Math.round(ms * 1e6);
