import type { TextEngine } from '@ogong/engine/interface/text';
import type { ApiContext } from '@ogong/host/http/api-app';
import { showClamped } from '@ogong/host/openai/answer-headers';
import { jsonObjectGrammar, schemaToGrammar } from '@ogong/protocol/modality/text/grammar/schema/schema-grammar';
import { readGrammar } from '@ogong/protocol/modality/text/request/answer-grammar';
import { RequestError } from '@ogong/protocol/modality/text/request/request-error';
import { type ModelRequest, parseModelRequest } from '../../engine/model-request.ts';
import { type Fields, readBoolean } from '../field-rules.ts';
import { encodeJson } from '../local-model.ts';
import type { OllamaOptions } from './options.ts';

export type OllamaPrompt = { readonly messages: unknown } | { readonly prompt: string };

/** The OpenAI request that asks for the same, so that one parser serves both APIs. @throws RequestError */
export function toModelRequest(
  context: ApiContext,
  engine: TextEngine,
  {
    fields,
    prompt,
    options,
    day,
  }: {
    readonly fields: Fields;
    readonly prompt: OllamaPrompt;
    readonly options: OllamaOptions;
    readonly day: number;
  },
): ModelRequest {
  const { contextSize } = engine.info();
  const wanted = options.maxTokens ?? contextSize;
  if (wanted > contextSize) showClamped(context, { 'options.num_predict': contextSize });
  const max = Math.min(wanted, contextSize);
  // The name is not read: the model is chosen already.
  const body = { model: 'local', ...prompt, ...options.sampling, max_tokens: max };
  const request = parseModelRequest(encodeJson(body), 'messages' in prompt ? 'chat' : 'completion', day);
  const logprobs = readBoolean(fields, 'logprobs', false);
  const grammar = readGrammar('format', () => readFormat(fields));
  return { ...request, asked: { ...request.asked, grammar, logprobs, topLogprobs: readTopLogprobs(fields, logprobs) } };
}

/** JSON, a schema for it, or nothing. */
function readFormat({ format }: Fields): string | undefined {
  if (format === undefined || format === null || format === '') return undefined;
  if (format === 'json') return jsonObjectGrammar();
  if (typeof format !== 'object') throw new RequestError('format must be "json" or a JSON schema', 'format');
  return schemaToGrammar(format);
}

function readTopLogprobs({ top_logprobs: value = 0 }: Fields, logprobs: boolean): number {
  if (!Number.isInteger(value) || (value as number) < 0 || (value as number) > 20)
    throw new RequestError('top_logprobs must be an integer between 0 and 20', 'top_logprobs');
  if ((value as number) > 0 && !logprobs)
    throw new RequestError('top_logprobs needs logprobs to be true', 'top_logprobs');
  return value as number;
}
