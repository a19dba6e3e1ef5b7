import { MAX_REQUEST_BYTES, MAX_STOP_BYTES } from '../../../exchange/limits.ts';
import type { Demands } from '../../demands.ts';
import { applyRules, type DroppedFields, type FieldRules, isAbsent } from '../../shared/field-rules.ts';
import { parsePreference, type RequestPreference } from '../../shared/preference-fields.ts';
import { RequestError } from '../../shared/request-error.ts';
import {
  DEMANDS,
  type BodyFields as Fields,
  isWellFormedText,
  MAX_CHOICES,
  parseBoolean,
  parseDemands,
  parseInteger,
  parseModelName,
  parseNumber,
  parseObject,
  parseSeed,
  toFixed,
} from '../../shared/request-fields.ts';
import type { AnswerTerms } from '../answer/answer-parser.ts';
import type { Endpoint } from '../commitment/header.ts';
import { NO_WISH, type ThinkingWish } from '../commitment/thinking-wish.ts';
import {
  CHAT_FIELDS,
  COMPLETION_FIELDS,
  ROUTING_FIELDS,
  STREAM_FIELDS,
  STRUCTURE_FIELDS,
  USAGE_FIELDS,
} from '../fields/chat-fields.ts';
import {
  MAX_BIASES,
  MAX_REPETITION_WINDOW,
  NAT,
  type SamplerSettings,
  type TokenBias,
  WEIGHT_ONE,
} from '../sampling/sampler.ts';
import { type AskedForm, parseAskedForm } from './answer-grammar.ts';
import { boundMessages, type ChatMessage, listPictures, parseMessages } from './chat-messages.ts';
import { boundPrompt, type CompletionPrompt, parseCompletionPrompt } from './completion-prompt.ts';
import { type AskedThinking, parseThinking } from './thinking.ts';
import {
  allowCalls,
  boundTools,
  forceCalls,
  parseToolUse,
  readWrittenTools,
  type ToolUse,
  toAnswerTerms,
  type WrittenTool,
} from './tools.ts';

/** The fields that header, fee and verdict depend on, without text. Co-signers see only these (docs/spec/request.md). */
export interface AskedText {
  readonly endpoint: Endpoint;
  readonly model: string;
  readonly demands: Demands;
  /** The most tokens of its prompt. */
  readonly promptTokenBound: number;
  /** Number of pictures in its messages. */
  readonly pictureCount: number;
  readonly maxTokens: number;
  readonly sampler: SamplerSettings;
  readonly bias: readonly TokenBias[];
  readonly choices: number;
  readonly seed: bigint | undefined;
  /** Thinking settings; empty in a completion. */
  readonly thinking: ThinkingWish;
  /** Number of stop strings. */
  readonly stopCount: number;
  /** The grammar of the answer in GBNF, or its hash if texts are not shown; undefined: any text. */
  readonly grammar: string | Uint8Array | undefined;
}

/**
 * A request in OpenAI's format. Gateway, provider, verifier and consumer parse it the same way. The sampler in a header must be
 * the one that these bytes request (docs/spec/request.md).
 */
export interface InferenceRequest extends AskedText {
  readonly messages: readonly ChatMessage[];
  /** Functions that the answer may call; none in completions. */
  readonly tools: readonly WrittenTool[];
  /** Terms for parsing the answer (docs/spec/answer.md). */
  readonly terms: AnswerTerms;
  /** Undefined for a chat. */
  readonly prompt: CompletionPrompt | undefined;
  /** Whether the client's answer begins with the prompt. No reply does. */
  readonly echo: boolean;
  readonly stop: readonly string[];
  /** The limit that the body states. `maxTokens` is the largest limit of the protocol if this one is above it. */
  readonly wantedTokens: number;
  readonly grammar: string | undefined;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  readonly logprobs: boolean;
  readonly topLogprobs: number;
  /** Prompts of one payer with the same key may share a prefix cache. No answer depends on it. */
  readonly promptCacheKey: string | undefined;
  /** The fields about thinking. */
  readonly thinkingParams: readonly string[];
  /** Keys of hints that no model here uses. A response names them. */
  readonly dropped: readonly string[];
  readonly preference: RequestPreference;
}

/** The limit of a request without one. */
export const DEFAULT_MAX_TOKENS = 256;
export const MAX_MAX_TOKENS = 131_072;
export const MAX_STOPS = 4;
const MAX_CACHE_KEY = 256;

/** A request without its grammar. Its price depends on nothing else. */
export type PricedRequest = Omit<InferenceRequest, 'grammar' | 'terms' | 'dropped'>;

/** @throws RequestError naming the offending parameter. */
export function parseRequest(body: Uint8Array, endpoint: Endpoint): InferenceRequest {
  const { fields, dropped, use, request } = parseFields(body, endpoint);
  // The conversion of a schema costs more than all else, so it comes last.
  const form = parseAskedForm(fields, { dropped });
  const terms = toAnswerTerms(use, form !== undefined);
  const inTools = new Set<string>();
  const grammar = combineGrammar(form, use, inTools);
  const unheld = [...listUnheld(form?.param, form?.unheld), ...listUnheld('tools', inTools)];
  return { ...request, terms, grammar, dropped: [...dropped, ...(terms.isFormed ? [] : use.unenforced), ...unheld] };
}

/**
 * Parses a request and converts neither its schemas nor its grammar. So a gateway can name the price to a caller that has not
 * paid. parseRequest may still refuse the body. @throws RequestError naming the offending parameter.
 */
export const parsePricedRequest = (body: Uint8Array, endpoint: Endpoint): PricedRequest =>
  parseFields(body, endpoint).request;

function parseFields(
  body: Uint8Array,
  endpoint: Endpoint,
): { readonly fields: Fields; readonly request: PricedRequest; readonly use: ToolUse } & DroppedFields {
  const fields = parseObject(body);
  const collected: DroppedFields = { dropped: [] };
  applyRules(collected, fields, isChat({ endpoint }) ? CHAT_FIELDS : COMPLETION_FIELDS);
  applyToObject(collected, fields, { key: 'provider', rules: ROUTING_FIELDS });
  applyToObject(collected, fields, { key: 'usage', rules: USAGE_FIELDS });
  applyToObject(collected, fields, { key: 'structured_outputs', rules: STRUCTURE_FIELDS });
  const named = parseModelName(fields.model);
  const stream = parseBoolean(fields, 'stream');
  const chat = isChat({ endpoint });
  const logprobs = chat ? parseBoolean(fields, 'logprobs') : !isAbsent(fields.logprobs);
  const topLogprobs = chat ? parseInteger(fields, 'top_logprobs', 0, 20, 0) : parseInteger(fields, 'logprobs', 0, 5, 0);
  if (chat && topLogprobs > 0 && !logprobs) {
    throw new RequestError('top_logprobs needs logprobs to be true', 'top_logprobs');
  }
  if (chat) assertTextOnly(fields);
  const thought = chat ? parseThinking(fields, collected) : NO_THINKING;
  const use = chat ? parseToolUse(fields, collected) : NO_TOOLS;
  const texts = {
    messages: chat ? parseMessages(fields.messages, collected) : [],
    tools: readWrittenTools(body, use.tools),
    prompt: chat ? undefined : parseCompletionPrompt(fields),
  };
  const stop = parseStop(fields.stop);
  const wantedTokens = parseLimit(fields);
  const request = {
    ...{ endpoint, model: named.model, ...texts, stop, stopCount: stop.length },
    promptTokenBound: computePromptBound(texts),
    pictureCount: listPictures(texts.messages).length,
    echo: !chat && parseBoolean(fields, 'echo'),
    sampler: parseSampler(fields),
    bias: parseBias(fields.logit_bias),
    ...{ wantedTokens, maxTokens: Math.min(wantedTokens, MAX_MAX_TOKENS) },
    thinking: thought.thinking,
    thinkingParams: thought.params,
    choices: parseInteger(fields, 'n', 1, MAX_CHOICES, 1),
    seed: parseSeed(fields.seed),
    stream,
    includeUsage: [
      parseStreamOptions(collected, fields.stream_options, stream),
      parseUsage(fields.usage) && stream,
    ].includes(true),
    logprobs,
    topLogprobs,
    promptCacheKey: parseCacheKey(fields.prompt_cache_key),
    demands: parseDemands(fields.ogong, TEXT_DEMANDS),
    preference: parsePreference(fields.ogong, named),
  };
  return { fields, request, use, ...collected };
}

const NO_THINKING: AskedThinking = { thinking: NO_WISH, params: [] };
const NO_TOOLS: ToolUse = { tools: [], forced: undefined, areSeveral: false, unenforced: [] };

/**
 * Combines the grammar of the whole reply. It is calls if they are forced. Otherwise it is the requested form, or calls.
 * @throws RequestError
 */
function combineGrammar(form: AskedForm | undefined, use: ToolUse, unheld: Set<string>): string | undefined {
  if (form === undefined || use.forced !== undefined) return forceCalls(use, unheld);
  if (use.tools.length === 0) return form.grammar;
  if (form.schema !== undefined) return allowCalls(use, form.schema, unheld);
  const message = `${form.param}: with callable tools, only a JSON schema can restrict the answer; use response_format, or set tool_choice to none`;
  throw new RequestError(message, form.param, 'unsupported_parameter');
}

/** Names keywords of schemas that another one beside them replaces, for the response. */
const listUnheld = (param: string | undefined, unheld: ReadonlySet<string> = new Set()): string[] =>
  [...unheld].map((keyword) => `${param}.${keyword}`);

/** @throws RequestError */
function applyToObject(
  collected: DroppedFields,
  fields: Fields,
  { key, rules }: { readonly key: string; readonly rules: FieldRules },
): void {
  const value = fields[key];
  if (isAbsent(value)) return;
  if (typeof value !== 'object' || Array.isArray(value)) throw new RequestError(`${key} must be an object`, key);
  applyRules(collected, value as Fields, rules, key);
}

const parseUsage = (usage: unknown): boolean =>
  !isAbsent(usage) && parseBoolean(usage as Fields, 'include', 'usage.include');

/** Returns whether the request has messages, and not one text to continue. */
export const isChat = ({ endpoint }: Pick<InferenceRequest, 'endpoint'>): boolean => endpoint === 'chat';

/** Returns the endpoint for messages, or for one text to continue. */
export const findTextEndpoint = (body: object): Endpoint => ('messages' in body ? 'chat' : 'completion');

/** The most tokens that a chat template adds around the whole. */
const TOKENS_PER_REQUEST = 64;
/** The largest bound for calls and tools with each of their items on its own line. It is far more than any context. */
export const MAX_PROMPT_BOUND = 4 * MAX_REQUEST_BYTES;

/**
 * Computes the most prompt tokens of a request. No tokenizer makes more tokens of a text than it has bytes. @throws
 * RequestError
 */
export function computePromptBound({
  prompt,
  messages,
  tools,
}: Pick<InferenceRequest, 'prompt' | 'messages' | 'tools'>): number {
  const bound = boundPrompt(prompt) + boundMessages(messages) + boundTools(tools) + TOKENS_PER_REQUEST;
  if (bound <= MAX_PROMPT_BOUND) return bound;
  throw new RequestError('tools and calls become too long where a template writes them out', 'messages');
}

function parseSampler(fields: Fields): SamplerSettings {
  return {
    temperatureQ16: toFixed(parseNumber(fields, 'temperature', 0, 2, 1), NAT),
    // Values below zero mean no limit, as with vLLM.
    topK: Math.max(0, parseInteger(fields, 'top_k', -1, 2 ** 24, 0)),
    topPQ24: Math.max(1, toFixed(parseNumber(fields, 'top_p', 0, 1, 1), WEIGHT_ONE)),
    minPQ24: toFixed(parseNumber(fields, 'min_p', 0, 1, 0), WEIGHT_ONE),
    presencePenaltyQ16: toFixed(parseNumber(fields, 'presence_penalty', -2, 2, 0), NAT),
    frequencyPenaltyQ16: toFixed(parseNumber(fields, 'frequency_penalty', -2, 2, 0), NAT),
    ...parseRepetition(fields),
    filterOrder: ['top-k', 'top-p', 'min-p'],
  };
}

/** llama.cpp's and Ollama's window if a request names none. */
const DEFAULT_REPEAT_LAST_N = 64;

/** Parses vLLM's field, which covers the whole context, or llama.cpp's fields, which cover its last tokens. */
function parseRepetition(fields: Fields): Pick<SamplerSettings, 'repetitionPenaltyQ16' | 'repetitionWindow'> {
  const read = (key: string): number => toFixed(parseNumber(fields, key, 0.01, 2, 1), NAT);
  const whole = read('repetition_penalty');
  const recent = read('repeat_penalty');
  if (whole !== NAT && recent !== NAT) {
    throw new RequestError('repeat_penalty: use either it or repetition_penalty', 'repeat_penalty');
  }
  const isRecent = recent !== NAT;
  const last = parseInteger(fields, 'repeat_last_n', -1, MAX_REPETITION_WINDOW, isRecent ? DEFAULT_REPEAT_LAST_N : -1);
  const penalty = isRecent ? recent : whole;
  const isOff = penalty === NAT || last === 0;
  return { repetitionPenaltyQ16: isOff ? NAT : penalty, repetitionWindow: isOff ? 0 : Math.max(0, last) };
}

function parseBias(value: unknown): TokenBias[] {
  if (isAbsent(value)) return [];
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw new RequestError('logit_bias must map token ids to numbers', 'logit_bias');
  }
  const entries = Object.entries(value as Fields);
  if (entries.length > MAX_BIASES)
    throw new RequestError(`logit_bias holds at most ${MAX_BIASES} tokens`, 'logit_bias');
  const biases = entries.map(([key, bias]) => {
    if (!/^(?:0|[1-9][0-9]{0,7})$/.test(key) || Number(key) >= 2 ** 24) {
      throw new RequestError(`logit_bias: ${key.slice(0, 20)} is not a token id`, 'logit_bias');
    }
    if (typeof bias !== 'number' || !(bias >= -100 && bias <= 100)) {
      throw new RequestError('logit_bias values must lie between -100 and 100', 'logit_bias');
    }
    return { id: Number(key), biasQ16: toFixed(bias, NAT) };
  });
  return biases.sort((a, b) => a.id - b.id);
}

/** Parses the limit as the body states it. Coding agents send limits above every context. */
function parseLimit(fields: Fields): number {
  const key = isAbsent(fields.max_completion_tokens) ? 'max_tokens' : 'max_completion_tokens';
  return parseInteger(fields, key, 1, Number.MAX_SAFE_INTEGER, DEFAULT_MAX_TOKENS);
}

function parseStop(value: unknown): string[] {
  if (isAbsent(value)) return [];
  const list = typeof value === 'string' ? [value] : value;
  if (!Array.isArray(list) || list.length > MAX_STOPS) {
    throw new RequestError(`stop must be a string or an array of at most ${MAX_STOPS} strings`, 'stop');
  }
  return list.map((item: unknown) => {
    if (typeof item !== 'string' || item.length === 0 || item.length > MAX_STOP_BYTES) {
      throw new RequestError(`every stop sequence must have 1 to ${MAX_STOP_BYTES} characters`, 'stop');
    }
    // U+FFFD stands for bytes that are no character yet. So its presence depends on where decoding starts.
    if (item.includes('\ufffd') || !isWellFormedText(item)) {
      throw new RequestError('a stop sequence must be text without U+FFFD and lone surrogates', 'stop');
    }
    return item;
  });
}

function parseCacheKey(value: unknown): string | undefined {
  if (isAbsent(value)) return undefined;
  if (!isWellFormedText(value) || value.length > MAX_CACHE_KEY) {
    throw new RequestError(
      `prompt_cache_key must be a string of at most ${MAX_CACHE_KEY} characters`,
      'prompt_cache_key',
    );
  }
  return value;
}

/** Keys of the object `ogong` in a text request. The grammar is no demand, but is listed among them. */
export const TEXT_DEMANDS: ReadonlySet<string> = new Set([...DEMANDS, 'grammar', 'sources', 'standby', 'hedge']);

function parseStreamOptions(collected: DroppedFields, value: unknown, stream: boolean): boolean {
  if (isAbsent(value)) return false;
  if (!stream) throw new RequestError('stream_options is only allowed when stream is true', 'stream_options');
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw new RequestError('stream_options must be an object', 'stream_options');
  }
  applyRules(collected, value as Fields, STREAM_FIELDS, 'stream_options');
  return parseBoolean(value as Fields, 'include_usage');
}

function assertTextOnly(fields: Fields): void {
  const modalities = fields.modalities;
  if (!isAbsent(modalities) && !(Array.isArray(modalities) && modalities.length === 1 && modalities[0] === 'text')) {
    throw new RequestError('only the text modality is served', 'modalities', 'unsupported_parameter');
  }
}
