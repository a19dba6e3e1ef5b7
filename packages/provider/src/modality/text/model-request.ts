import {
  type Prompt,
  type TextCapabilities,
  type TextEngine,
  type TextEngineInfo,
  takesRepetition,
} from '@ogong/engine/interface/text';
import { RequestError } from '@ogong/protocol/modality/shared/request-error';
import { type AnswerFormat, mayThink } from '@ogong/protocol/modality/text/answer/answer-format';
import { type Endpoint, isTextEndpoint, TEXT_ENDPOINTS } from '@ogong/protocol/modality/text/commitment/header';
import { type InferenceRequest, parseRequest } from '@ogong/protocol/modality/text/request/request';

/** A request as a model takes it. Provider and verifier share this path: both must see the same prompt tokens. */
export interface ModelRequest {
  readonly asked: InferenceRequest;
  readonly prompt: Prompt;
}

/** @throws RequestError if the wire names another endpoint. */
export function parseEndpointName(name: string): Endpoint {
  if (isTextEndpoint(name)) return name;
  const known = TEXT_ENDPOINTS.join(' or ');
  throw new RequestError(`unknown endpoint ${JSON.stringify(name.slice(0, 32))}; expected ${known}`);
}

/**
 * @param day day that a chat template gets as today, in days since 1970-01-01 UTC.
 * @throws RequestError naming the offending parameter.
 */
export function parseModelRequest(body: Uint8Array, endpoint: Endpoint, day: number): ModelRequest {
  const asked = parseRequest(body, endpoint);
  return { asked, prompt: toPrompt(asked, day) };
}

function toPrompt(asked: InferenceRequest, day: number): Prompt {
  const { messages, tools, terms, prompt, thinking } = asked;
  if (prompt !== undefined) return prompt;
  return {
    kind: 'chat',
    messages,
    ...(tools.length > 0 && { tools, marksCalls: terms.isFormed === true }),
    thinking,
    day,
  };
}

/** How a reply to the request is read: a template may open the reasoning only if it is wanted. */
export const chooseAnswerFormat = (
  { answerFormat, thinking }: Pick<TextEngineInfo, 'answerFormat' | 'thinking'>,
  { thinking: { wanted } }: Pick<InferenceRequest, 'thinking'>,
): AnswerFormat => (wanted === 'unsaid' || thinking === undefined ? answerFormat : thinking.formats[wanted]);

/** Fields about thinking that the model does not follow: its template takes no notice, and by itself it does otherwise. */
export function listUnmet(
  { answerFormat, thinking: known }: Pick<TextEngineInfo, 'answerFormat' | 'thinking'>,
  { thinking: { wanted, effort }, thinkingParams }: Pick<InferenceRequest, 'thinking' | 'thinkingParams'>,
): readonly string[] {
  if (wanted === 'unsaid') return [];
  const thinksAnyway = mayThink(answerFormat);
  const isMet =
    effort === 'unsaid' ? known?.readsWanted || thinksAnyway === (wanted === 'yes') : known?.readsEffort === true;
  return isMet ? [] : thinkingParams;
}

/** Names the reasoning of earlier answers that the model's template does not write. A server in front of a model has its own template. */
export const listUnread = (
  { thinking, capabilities }: Pick<TextEngineInfo, 'thinking' | 'capabilities'>,
  { messages }: Pick<InferenceRequest, 'messages'>,
): readonly string[] =>
  capabilities.tokenize && thinking?.readsReasoning !== true
    ? messages.flatMap(({ reasoning = '' }, i) => (reasoning === '' ? [] : [`messages[${i}].reasoning_content`]))
    : [];

/** The name `chat_template` if the model's own template does not write one of the prompts as it is. */
export async function listUnusedTemplate(
  engine: Pick<TextEngine, 'info' | 'usesTemplate'>,
  prompts: readonly Prompt[],
): Promise<readonly string[]> {
  if (!engine.info().hasChatTemplate) return [];
  for (const prompt of prompts) if ((await engine.usesTemplate?.(prompt)) === false) return ['chat_template'];
  return [];
}

/** @throws RequestError if the request shows pictures to a model that reads none. */
export function assertReadsPictures(
  { pictureCount }: Pick<InferenceRequest, 'pictureCount'>,
  { pictureToken }: Pick<TextEngineInfo, 'pictureToken'>,
): void {
  if (pictureCount === 0 || pictureToken !== undefined) return;
  const reason = 'this model reads no pictures, as it has no encoder for them';
  throw new RequestError(`messages: ${reason}`, 'messages', 'unsupported_content');
}

/** Checks of the request that depend on the model. @throws RequestError */
export function assertFitsModel(
  { asked, prompt }: ModelRequest,
  info: Pick<TextEngineInfo, 'vocabularySize' | 'capabilities' | 'pictureToken'>,
): void {
  const { vocabularySize, capabilities } = info;
  assertReadsPictures(asked, info);
  assertCapable({ asked, prompt }, capabilities);
  const outside = prompt.kind === 'tokens' && prompt.tokens.find((id) => id >= vocabularySize);
  if (typeof outside === 'number') {
    throw new RequestError(`prompt: the model has no token ${outside}; it has ${vocabularySize}`, 'prompt');
  }
  const unknown = asked.bias.find(({ id }) => id >= vocabularySize);
  if (unknown !== undefined) {
    throw new RequestError(`logit_bias: the model has no token ${unknown.id}; it has ${vocabularySize}`, 'logit_bias');
  }
}

/** Refuses what the server of the model cannot be asked for: nothing that a header signs is left out silently. @throws RequestError */
function assertCapable({ asked, prompt }: ModelRequest, capabilities: TextCapabilities): void {
  const refuse = (what: string, param: string): never => {
    throw new RequestError(`${param}: the server of this model does not take ${what}`, param, 'unsupported_parameter');
  };
  const { sampler, bias, grammar, tools } = asked;
  if (!capabilities.prompts.includes(prompt.kind)) refuse(`prompts of this kind (${prompt.kind})`, 'prompt');
  if (tools.length > 0 && !capabilities.tools) refuse('tools', 'tools');
  if (grammar !== undefined && !capabilities.grammar) refuse('a form that answers must have', 'response_format');
  if (bias.length > 0 && !capabilities.bias) refuse('biases of tokens', 'logit_bias');
  if (sampler.topK !== 0 && !capabilities.filters) refuse('top_k', 'top_k');
  if (sampler.minPQ24 !== 0 && !capabilities.filters) refuse('min_p', 'min_p');
  if (!takesRepetition(capabilities, sampler)) {
    const isWindowed = sampler.repetitionWindow > 0;
    const name = isWindowed ? 'repeat_penalty' : 'repetition_penalty';
    refuse(isWindowed && capabilities.repetition === 'whole' ? 'a window of it' : 'it', name);
  }
}
