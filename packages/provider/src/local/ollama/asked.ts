import { EngineError } from '@ogong/engine/interface/engine-error';
import type { TextEngine, TextEngineInfo } from '@ogong/engine/interface/text';
import { type ApiContext, getCallSignal } from '@ogong/host/http/api-app';
import { showClamped, showIgnored } from '@ogong/host/openai/answer-headers';
import type { RequestMedia } from '@ogong/protocol/modality/media/media';
import { RequestError } from '@ogong/protocol/modality/shared/request-error';
import { mayThink } from '@ogong/protocol/modality/text/answer/answer-format';
import { schemaToGrammar } from '@ogong/protocol/modality/text/grammar/schema/schema-grammar';
import { readGrammar } from '@ogong/protocol/modality/text/request/answer-grammar';
import { formatOverflow } from '@ogong/protocol/modality/text/request/context-overflow';
import { MAX_MAX_TOKENS } from '@ogong/protocol/modality/text/request/request';
import { findDay, type ServedRequest } from '../../modality/text/commit-locally.ts';
import {
  assertReadsPictures,
  listUnmet,
  listUnread,
  listUnusedTemplate,
  parseModelRequest,
} from '../../modality/text/model-request.ts';
import { readPictures } from '../../modality/text/read-pictures.ts';
import { type Fields, readBoolean } from '../field-rules.ts';
import { encodeJson } from '../local-model.ts';
import type { OllamaOptions } from './options.ts';

export type OllamaPrompt =
  | { readonly messages: unknown }
  | { readonly prompt: string | readonly number[] }
  | { readonly prompt: string; readonly suffix: string };

interface OllamaRequest {
  /** Name of the model as the client wrote it. */
  readonly model: string;
  readonly fields: Fields;
  readonly prompt: OllamaPrompt;
  /** The pictures that the prompt names. */
  readonly media: RequestMedia;
  readonly options: OllamaOptions;
  /** Names of the fields that were left out. */
  readonly dropped: readonly string[];
  readonly startMs: number;
}

/** The OpenAI request that asks for the same, so that one parser serves both APIs, and any reader of its receipt. @throws RequestError */
export async function toServedRequest(
  context: ApiContext,
  engine: TextEngine,
  { model, fields, prompt, media, options, dropped, startMs }: OllamaRequest,
): Promise<ServedRequest> {
  const { contextSize, capabilities } = engine.info();
  const { top_k: _, ...unfiltered } = options.sampling;
  // The default is not worth a refusal by a server that has no such filter.
  const sampling = capabilities.filters || options.namesTopK ? options.sampling : unfiltered;
  const thinking = readThink(fields, { model, info: engine.info() });
  const wanted = options.maxTokens ?? contextSize;
  if (wanted > contextSize) showClamped(context, { 'options.num_predict': contextSize });
  const schema = readFormat(fields);
  const logprobs = readBoolean(fields, 'logprobs', false);
  const shown = { logprobs, topLogprobs: readTopLogprobs(fields, logprobs) };
  const read = (maxTokens: number): ServedRequest => {
    const offered = fields.tools === undefined ? {} : { tools: fields.tools };
    const limits = { max_tokens: maxTokens, ...(schema !== undefined && { guided_json: schema }) };
    const wish = 'messages' in prompt ? thinking : {};
    const asked = { model, ...prompt, ...offered, ...sampling, ...wish, ...limits };
    const body = encodeJson(asked);
    const request = parseModelRequest(body, 'messages' in prompt ? 'chat' : 'completion', findDay(startMs));
    return { ...request, asked: { ...request.asked, ...shown }, body, media, startMs };
  };
  const request = read(Math.min(wanted, contextSize, MAX_MAX_TOKENS));
  const isUnread = fields.think !== undefined && !('messages' in prompt);
  const isUnmet = isUnread || listUnmet(engine.info(), request.asked).length > 0;
  const named = request.asked.dropped.map((name) => name.replace(/^guided_json\./, 'format.'));
  const unread = listUnread(engine.info(), request.asked).map((name) => name.replace('reasoning_content', 'thinking'));
  const unused = await listUnusedTemplate(engine, [request.prompt]);
  showIgnored(context, [...dropped, ...named, ...(isUnmet ? ['think'] : []), ...unread, ...unused]);
  assertReadsPictures(request.asked, engine.info());
  const seen = await readPictures(engine, request, { media, signal: getCallSignal(context) });
  const room = await findRoom(context, engine, seen, options);
  const fitted = room < request.asked.maxTokens ? read(room) : request;
  return { ...fitted, prompt: seen.prompt, pictures: seen.pictures };
}

/** Tokens until the context ends that the client asked for. @throws EngineError if the prompt is longer. */
async function findRoom(
  context: ApiContext,
  engine: TextEngine,
  { prompt }: Pick<ServedRequest, 'prompt'>,
  { contextSize }: OllamaOptions,
): Promise<number> {
  const own = engine.info().contextSize;
  if (contextSize === undefined) return own;
  if (contextSize > own) {
    showClamped(context, { 'options.num_ctx': own });
    return own;
  }
  const { length } = await engine.tokenizePrompt(prompt);
  if (contextSize > length) return contextSize - length;
  throw new EngineError('prompt-too-long', formatOverflow({ promptTokens: length, contextSize }));
}

const LEVELS: ReadonlySet<unknown> = new Set(['low', 'medium', 'high', 'max']);

/** Returns the wish in the form of a chat. @throws RequestError if the model does not think. */
function readThink(
  { think }: Fields,
  { model, info }: Pick<OllamaRequest, 'model'> & { readonly info: TextEngineInfo },
): Fields {
  if (think === undefined) return {};
  if (typeof think !== 'boolean' && !LEVELS.has(think))
    throw new RequestError(`think must be a boolean or one of ${[...LEVELS].join(', ')}`, 'think');
  if (!mayThink(info.answerFormat) && think !== false)
    throw new RequestError(`${JSON.stringify(model)} does not support thinking`, 'think');
  return typeof think === 'boolean' ? { enable_thinking: think } : { reasoning_effort: think };
}

/** JSON, a schema for it, or nothing. */
function readFormat({ format }: Fields): unknown {
  if (format === undefined || format === null || format === '') return undefined;
  if (format === 'json') return { type: 'object' };
  if (typeof format !== 'object') throw new RequestError('format must be "json" or a JSON schema', 'format');
  readGrammar('format', () => schemaToGrammar(format));
  return format;
}

function readTopLogprobs({ top_logprobs: value = 0 }: Fields, logprobs: boolean): number {
  if (!Number.isInteger(value) || (value as number) < 0 || (value as number) > 20)
    throw new RequestError('top_logprobs must be an integer between 0 and 20', 'top_logprobs');
  if ((value as number) > 0 && !logprobs)
    throw new RequestError('top_logprobs needs logprobs to be true', 'top_logprobs');
  return value as number;
}
