import type { Prompt, TextEngineInfo } from '@ogong/engine/interface/text';
import { type Endpoint, isTextEndpoint, TEXT_ENDPOINTS } from '@ogong/protocol/modality/text/commitment/header';
import { type InferenceRequest, parseRequest } from '@ogong/protocol/modality/text/request/request';
import { RequestError } from '@ogong/protocol/modality/text/request/request-error';

/** A request as a model takes it. Provider and verifier share this path: both must see the same prompt tokens. */
export interface ModelRequest {
  readonly asked: InferenceRequest;
  readonly prompt: Prompt;
}

/** @throws RequestError where the wire names another endpoint. */
export function parseEndpointName(name: string): Endpoint {
  if (isTextEndpoint(name)) return name;
  const known = TEXT_ENDPOINTS.join(' or ');
  throw new RequestError(`unknown endpoint ${JSON.stringify(name.slice(0, 32))}; expected ${known}`);
}

/**
 * @param day what a chat template reads as today, in days since 1970-01-01 UTC.
 * @throws RequestError naming the offending parameter.
 */
export function parseModelRequest(body: Uint8Array, endpoint: Endpoint, day: number): ModelRequest {
  const asked = parseRequest(body, endpoint);
  return { asked, prompt: toPrompt(asked, day) };
}

function toPrompt(asked: InferenceRequest, day: number): Prompt {
  const { messages, tools, prompt } = asked;
  if (prompt !== undefined) return prompt;
  return { kind: 'chat', messages, ...(tools.length > 0 && { tools }), day };
}

/** Checks of the request that depend on the model. @throws RequestError */
export function assertFitsModel(
  { asked, prompt }: ModelRequest,
  { vocabularySize }: Pick<TextEngineInfo, 'vocabularySize'>,
): void {
  const outside = prompt.kind === 'tokens' && prompt.tokens.find((id) => id >= vocabularySize);
  if (typeof outside === 'number') {
    throw new RequestError(`prompt: the model has no token ${outside}; it has ${vocabularySize}`, 'prompt');
  }
  const unknown = asked.bias.find(({ id }) => id >= vocabularySize);
  if (unknown !== undefined) {
    throw new RequestError(`logit_bias: the model has no token ${unknown.id}; it has ${vocabularySize}`, 'logit_bias');
  }
}
