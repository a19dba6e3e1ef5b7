import type { ChatMessage } from '@ogong/protocol/modality/text/request/chat-messages';
import { NAT, type SamplerSettings, WEIGHT_ONE } from '@ogong/protocol/modality/text/sampling/sampler';
import { EngineError } from '../interface/engine-error.ts';
import type { TextGenerationRequest } from '../interface/text.ts';
import type { UpstreamFindings } from './findings.ts';

/** A request as the server takes it: where it goes, and what it says. */
export interface UpstreamRequest {
  readonly path: '/v1/chat/completions' | '/v1/completions';
  readonly body: object;
}

/**
 * Says all that the request says, or refuses it: a header signs what was asked for.
 * @throws EngineError 'invalid-request'
 */
export function toUpstreamRequest(request: TextGenerationRequest, findings: UpstreamFindings): UpstreamRequest {
  const { kind, model, limitField, usage, tokenIds, seeds } = findings;
  const { sampler, bias, prompt, stop, maxTokens, topLogprobs, grammar, drawKey } = request;
  const isChat = 'messages' in prompt;
  const common = {
    ...{ model, stream: true },
    [isChat ? limitField : 'max_tokens']: maxTokens,
    temperature: sampler.temperatureQ16 / NAT,
    ...(sampler.topPQ24 < WEIGHT_ONE && { top_p: sampler.topPQ24 / WEIGHT_ONE }),
    ...(sampler.topK !== 0 && { top_k: sampler.topK }),
    ...(sampler.minPQ24 !== 0 && { min_p: sampler.minPQ24 / WEIGHT_ONE }),
    ...(sampler.presencePenaltyQ16 !== 0 && { presence_penalty: sampler.presencePenaltyQ16 / NAT }),
    ...(sampler.frequencyPenaltyQ16 !== 0 && { frequency_penalty: sampler.frequencyPenaltyQ16 / NAT }),
    ...(sampler.repetitionPenaltyQ16 !== NAT && toRepetition(sampler, kind)),
    ...(bias.length > 0 && { logit_bias: Object.fromEntries(bias.map(({ id, biasQ16 }) => [id, biasQ16 / NAT])) }),
    ...(stop.length > 0 && { stop }),
    ...(usage && { stream_options: { include_usage: true } }),
    ...(seeds !== 'refused' && { seed: toSeed(drawKey) }),
    ...(tokenIds && kind === 'vllm' && { return_token_ids: true }),
    ...(grammar !== undefined && { grammar }),
  };
  if ('messages' in prompt) {
    const { tools = [] } = prompt;
    const body = {
      ...common,
      messages: prompt.messages.map((message) => toMessage(message, findings)),
      ...(tools.length > 0 && { tools: tools.map((each) => ({ type: 'function', function: each })) }),
      ...(topLogprobs > 0 && { logprobs: true, top_logprobs: topLogprobs }),
    };
    return { path: '/v1/chat/completions', body };
  }
  const text = prompt.kind === 'text' ? prompt.text : prompt.kind === 'tokens' ? [...prompt.tokens] : undefined;
  if (text === undefined) throw new EngineError('invalid-request', 'the upstream server fills no gaps in texts');
  const body = { ...common, prompt: text, ...(topLogprobs > 0 && { logprobs: topLogprobs }) };
  return { path: '/v1/completions', body };
}

/** llama.cpp's fields have a window; vLLM's field covers the whole context. */
const toRepetition = (
  { repetitionPenaltyQ16, repetitionWindow }: SamplerSettings,
  kind: UpstreamFindings['kind'],
): object =>
  kind === 'llama-server'
    ? { repeat_penalty: repetitionPenaltyQ16 / NAT, repeat_last_n: repetitionWindow === 0 ? -1 : repetitionWindow }
    : { repetition_penalty: repetitionPenaltyQ16 / NAT };

/** The same draw key gives the same seed, so that a request with a seed repeats itself if the server does. */
const toSeed = (drawKey: Uint8Array): number => Buffer.from(drawKey.subarray(0, 4)).readUInt32BE() >>> 1;

/** Servers whose templates read the reasoning of earlier answers. Others refuse a key that OpenAI does not have. */
const TAKES_REASONING: readonly UpstreamFindings['kind'][] = ['llama-server', 'vllm', 'sglang'];

function toMessage(
  { role, content, reasoning, calls, callId }: ChatMessage,
  { kind, tools }: Pick<UpstreamFindings, 'kind' | 'tools'>,
) {
  if ((calls !== undefined || callId !== undefined) && !tools) {
    throw new EngineError('invalid-request', 'the upstream server is shown no calls of tools');
  }
  return {
    ...{ role: role === 'developer' ? 'system' : role, content },
    ...(reasoning !== undefined && TAKES_REASONING.includes(kind) && { reasoning_content: reasoning }),
    ...(calls !== undefined && {
      tool_calls: calls.map(({ id, ...called }) => ({ id, type: 'function', function: called })),
    }),
    ...(callId !== undefined && { tool_call_id: callId }),
  };
}
