import type { Prompt, TextEngine } from '@ogong/engine/interface/text';
import type { ApiContext } from '@ogong/host/http/api-app';
import { showClamped } from '@ogong/host/openai/answer-headers';
import type { Endpoint } from '@ogong/protocol/modality/text/commitment/header';
import { MAX_REPLIES, refuseReplies } from '@ogong/protocol/modality/text/dialect/prompts';
import { isAbsent, isFalse } from '@ogong/protocol/modality/text/request/field-rules';
import {
  type InferenceRequest,
  isChat,
  MAX_MAX_TOKENS,
  parseObject,
} from '@ogong/protocol/modality/text/request/request';
import { RequestError } from '@ogong/protocol/modality/text/request/request-error';
import { parseModelRequest } from '../engine/model-request.ts';
import type { Fields } from './field-rules.ts';
import { encodeJson } from './local-model.ts';
import { withDefaults } from './model-defaults.ts';
import type { ShelfModel } from './model-shelf.ts';

/** A request as local mode serves it: what the network signs one prompt at a time may come as several here. */
export interface OpenAiRequest {
  readonly asked: InferenceRequest;
  /** One each; every one is answered `n` times. */
  readonly prompts: readonly Prompt[];
  /** Whether an answer begins with its prompt. */
  readonly echo: boolean;
  /** Undefined where as much is wanted as fits. */
  readonly wantedTokens: number | undefined;
}

/**
 * @param day what a chat template reads as today, in days since 1970-01-01 UTC.
 * @throws RequestError
 */
export function parseOpenAiRequest(body: Uint8Array, endpoint: Endpoint, day: number): OpenAiRequest {
  const { echo, prompt, ...fields } = parseObject(body);
  const limits = { max_tokens: lower(fields.max_tokens), max_completion_tokens: lower(fields.max_completion_tokens) };
  if (isChat({ endpoint })) {
    const refusable = { ...(prompt === undefined ? {} : { prompt }), ...(isAbsent(echo) ? {} : { echo }) };
    const { asked, prompt: one } = parseModelRequest(encodeJson({ ...fields, ...limits, ...refusable }), endpoint, day);
    return { asked, prompts: [one], echo: false, wantedTokens: readWanted(fields) };
  }
  const prompts = readPrompts(prompt);
  const { asked } = parseModelRequest(encodeJson({ ...fields, ...limits, prompt: '' }), endpoint, day);
  const hasEcho = readEcho(echo);
  if (hasEcho && asked.logprobs)
    throw new RequestError('echo: only tokens of the answer have logprobs; leave one of both out', 'echo');
  const choices = prompts.length * asked.choices;
  if (choices > MAX_REPLIES) throw refuseReplies(choices);
  return { asked, prompts, echo: hasEcho, wantedTokens: readWanted(fields) };
}

/** What is beyond every context comes down to the largest that is read, and then to the model's. */
const lower = (value: unknown): unknown =>
  Number.isInteger(value) ? Math.min(value as number, MAX_MAX_TOKENS) : value;

const readWanted = ({ max_completion_tokens: first, max_tokens: second }: Fields): number | undefined =>
  (isAbsent(first) ? (second ?? undefined) : first) as number | undefined;

/** Settings that a made model was given, by the names that a request has for them. */
const NAMES: Readonly<Record<string, string>> = {
  ...{ temperature: 'temperature', top_k: 'top_k', top_p: 'top_p', min_p: 'min_p', seed: 'seed', stop: 'stop' },
  ...{ presence_penalty: 'presence_penalty', frequency_penalty: 'frequency_penalty', num_predict: 'max_tokens' },
};

/** A body with what a made model was given, where the body itself says nothing. @throws RequestError */
export function addParameters(body: Uint8Array, { defaults }: Pick<ShelfModel, 'defaults'>): Uint8Array {
  const given = Object.entries(defaults?.parameters ?? {}).flatMap(([key, value]) => {
    const name = NAMES[key];
    // Below zero stands for none, with Ollama.
    return name === undefined || (typeof value === 'number' && value < 0) ? [] : [[name, value] as const];
  });
  if (given.length === 0) return body;
  const fields = Object.entries(parseObject(body)).filter(([, value]) => !isAbsent(value));
  const isLimited = fields.some(([key]) => key === 'max_completion_tokens');
  const added = given.filter(([key]) => !(isLimited && key === 'max_tokens'));
  return encodeJson({ ...Object.fromEntries(added), ...Object.fromEntries(fields) });
}

/**
 * The body that asks for exactly what is served to one prompt: with the model's own messages and settings, and the limit that fits.
 * @returns undefined for a prompt of tokens, which the network's requests have no words for.
 */
export function writeServed(
  body: Uint8Array,
  {
    prompt,
    model: { defaults },
    maxTokens,
  }: { readonly prompt: Prompt; readonly model: Pick<ShelfModel, 'defaults'>; readonly maxTokens: number },
): Uint8Array | undefined {
  if (prompt.kind === 'tokens') return undefined;
  const { echo: _, max_completion_tokens: __, messages, prompt: ___, ...fields } = parseObject(body);
  const said =
    prompt.kind === 'text'
      ? { prompt: prompt.text }
      : { messages: withDefaults(messages as readonly { readonly role: unknown }[], defaults) };
  return encodeJson({ ...fields, ...said, max_tokens: maxTokens });
}

/** Cuts the reply where the model's context ends, or that which a made model was given, and says so. */
export function fitModel(
  context: ApiContext,
  engine: TextEngine,
  { asked, wantedTokens }: OpenAiRequest,
  { defaults }: Pick<ShelfModel, 'defaults'>,
): InferenceRequest {
  const { num_ctx: given } = defaults?.parameters ?? {};
  const own = engine.info().contextSize;
  const contextSize = Math.min(typeof given === 'number' ? Math.min(given, own) : own, MAX_MAX_TOKENS);
  if (wantedTokens !== undefined && wantedTokens > contextSize) showClamped(context, { max_tokens: contextSize });
  return { ...asked, maxTokens: wantedTokens === undefined ? contextSize : Math.min(asked.maxTokens, contextSize) };
}

function readEcho(value: unknown): boolean {
  if (isAbsent(value) || isFalse(value)) return false;
  if (value !== true) throw new RequestError('echo must be a boolean', 'echo');
  return true;
}

/** A text, several, the tokens of one, or those of several. */
function readPrompts(value: unknown): readonly Prompt[] {
  const list = Array.isArray(value) && !isTokenList(value) ? (value as unknown[]) : [value];
  if (list.length === 0) throw new RequestError('prompt must have a text', 'prompt');
  return list.map((item) => {
    if (typeof item === 'string' && item.isWellFormed()) return { kind: 'text', text: item };
    if (isTokenList(item)) return { kind: 'tokens', tokens: Uint32Array.from(item) };
    throw new RequestError('prompt must be a text, tokens, or an array of texts or of tokens', 'prompt');
  });
}

const isTokenList = (value: unknown): value is number[] =>
  Array.isArray(value) &&
  value.length > 0 &&
  value.every((item) => Number.isInteger(item) && item >= 0 && item < 2 ** 32);
