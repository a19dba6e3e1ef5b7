import type { Prompt, TextEngine } from '@ogong/engine/interface/text';
import type { ApiContext } from '@ogong/host/http/api-app';
import { showClamped } from '@ogong/host/openai/answer-headers';
import { isAbsent } from '@ogong/protocol/modality/shared/field-rules';
import { RequestError } from '@ogong/protocol/modality/shared/request-error';
import { parseObject } from '@ogong/protocol/modality/shared/request-fields';
import type { Endpoint } from '@ogong/protocol/modality/text/commitment/header';
import { MAX_REPLIES, refuseReplies } from '@ogong/protocol/modality/text/dialect/prompts';
import { type CompletionPrompt, isTokenList } from '@ogong/protocol/modality/text/request/completion-prompt';
import { type InferenceRequest, isChat, MAX_MAX_TOKENS } from '@ogong/protocol/modality/text/request/request';
import { type ModelRequest, parseModelRequest } from '../modality/text/model-request.ts';
import type { Fields } from './field-rules.ts';
import { encodeJson } from './local-model.ts';
import { withDefaults } from './model-defaults.ts';
import type { ShelfModel } from './model-shelf.ts';

/** A request as local mode serves it. The network signs one prompt at a time; here several may come together. */
export interface OpenAiRequest {
  readonly asked: InferenceRequest;
  /** One each; every one is answered `n` times. */
  readonly prompts: readonly Prompt[];
  /** Undefined if as much is wanted as fits. */
  readonly wantedTokens: number | undefined;
}

/**
 * @param day day that a chat template gets as today, in days since 1970-01-01 UTC.
 * @throws RequestError
 */
export function parseOpenAiRequest(body: Uint8Array, endpoint: Endpoint, day: number): OpenAiRequest {
  const { prompt, ...fields } = parseObject(body);
  if (isChat({ endpoint })) {
    const refusable = prompt === undefined ? {} : { prompt };
    const { asked, prompt: one } = parseModelRequest(encodeJson({ ...fields, ...refusable }), endpoint, day);
    return { asked, prompts: [one], wantedTokens: readWanted(fields) };
  }
  // Zero asks for no answer at all, and has a meaning here alone: a prompt that is shown, or scored.
  const isEmpty = fields.max_tokens === 0;
  const read = listPrompts(prompt).map((one) => {
    const exact = { ...fields, prompt: one, ...(isEmpty && { max_tokens: 1 }) };
    return parseModelRequest(encodeJson(exact), endpoint, day);
  });
  const [{ asked }] = read as [ModelRequest];
  const choices = read.length * asked.choices;
  if (choices > MAX_REPLIES) throw refuseReplies(choices);
  return { asked, prompts: read.map((one) => one.prompt), wantedTokens: readWanted(fields) };
}

const readWanted = ({ max_completion_tokens: first, max_tokens: second }: Fields): number | undefined =>
  (isAbsent(first) ? (second ?? undefined) : first) as number | undefined;

/** Settings that a made model was given, by the names that a request has for them. */
const NAMES: Readonly<Record<string, string>> = {
  ...{ temperature: 'temperature', top_k: 'top_k', top_p: 'top_p', min_p: 'min_p', seed: 'seed', stop: 'stop' },
  ...{ presence_penalty: 'presence_penalty', frequency_penalty: 'frequency_penalty', num_predict: 'max_tokens' },
  ...{ repeat_penalty: 'repeat_penalty', repeat_last_n: 'repeat_last_n' },
};

/** A body with what a made model was given, if the body itself says nothing. @throws RequestError */
export function addParameters(body: Uint8Array, { defaults }: Pick<ShelfModel, 'defaults'>): Uint8Array {
  const given = Object.entries(defaults?.parameters ?? {}).flatMap(([key, value]) => {
    const name = NAMES[key];
    // Below zero stands for none, with Ollama, and for the whole context in a window.
    const isNone = typeof value === 'number' && value < 0 && name !== 'repeat_last_n';
    return name === undefined || isNone ? [] : [[name, value] as const];
  });
  if (given.length === 0) return body;
  const fields = Object.entries(parseObject(body)).filter(([, value]) => !isAbsent(value));
  const isLimited = fields.some(([key]) => key === 'max_completion_tokens');
  const isPenalized = fields.some(([key]) => key === 'repetition_penalty');
  const added = given.filter(([key]) => !(isLimited && key === 'max_tokens') && !(isPenalized && /^repeat_/.test(key)));
  return encodeJson({ ...Object.fromEntries(added), ...Object.fromEntries(fields) });
}

/**
 * The body that asks for exactly what is served to one prompt: with the model's own messages and settings, and the limit that fits.
 */
export function writeServed(
  body: Uint8Array,
  {
    prompt,
    model: { defaults },
    maxTokens,
  }: { readonly prompt: Prompt; readonly model: Pick<ShelfModel, 'defaults'>; readonly maxTokens: number },
): Uint8Array {
  const { max_completion_tokens: _, messages, prompt: __, ...fields } = parseObject(body);
  const said =
    'messages' in prompt
      ? { messages: withDefaults(messages as readonly { readonly role: unknown }[], defaults) }
      : { prompt: writePrompt(prompt) };
  return encodeJson({ ...fields, ...said, max_tokens: maxTokens });
}

function writePrompt(prompt: CompletionPrompt): string | readonly number[] {
  if (prompt.kind === 'tokens') return [...prompt.tokens];
  return prompt.kind === 'text' ? prompt.text : prompt.prefix;
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
  return { ...asked, maxTokens: Math.min(wantedTokens ?? contextSize, contextSize) };
}

/** A text, several, the tokens of one, or those of several. */
function listPrompts(value: unknown): readonly unknown[] {
  const list = Array.isArray(value) && !isTokenList(value) ? (value as unknown[]) : [value];
  if (list.length === 0) throw new RequestError('prompt must have a text', 'prompt');
  if (list.length > MAX_REPLIES) throw refuseReplies(list.length);
  return list;
}
