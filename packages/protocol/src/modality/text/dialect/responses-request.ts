import { applyRules, isAbsent } from '../../shared/field-rules.ts';
import { RequestError } from '../../shared/request-error.ts';
import { parseObject } from '../../shared/request-fields.ts';
import { passFields } from '../fields/passed-fields.ts';
import {
  RESPONSES_FIELDS,
  RESPONSES_FORMAT_FIELDS,
  RESPONSES_REASONING_FIELDS,
  RESPONSES_STREAM_FIELDS,
  RESPONSES_TEXT_FIELDS,
} from '../fields/responses-fields.ts';
import { translateInput } from './responses-input.ts';
import { translateResponseChoice, translateResponseTools } from './responses-tools.ts';
import {
  encodeChat,
  type JsonFields,
  readFields,
  readList,
  readText,
  type Translation,
  type Translator,
} from './translation.ts';

/** A request of OpenAI's Responses API. */
export interface ResponsesRequest extends Translation {
  /** Fields that its answer repeats. */
  readonly asked: JsonFields;
}

const LOGPROBS = 'message.output_text.logprobs';
/**
 * Translates the body of a response, or of a count of its input, to a chat.
 * @throws RequestError
 */
export function translateResponses(body: Uint8Array): ResponsesRequest {
  const fields = parseObject(body);
  const translator: Translator = { dropped: [] };
  applyRules(translator, fields, RESPONSES_FIELDS);
  if (!isAbsent(fields.stream_options)) {
    const options = readFields(fields.stream_options, 'stream_options');
    applyRules(translator, options, RESPONSES_STREAM_FIELDS, 'stream_options');
  }
  if (fields.store === true) translator.dropped.push('store');
  const hasLogprobs = readIncludes(translator, fields.include);
  const chat: JsonFields = {
    model: fields.model,
    messages: [...readInstructions(fields.instructions), ...translateInput(translator, fields.input)],
    max_completion_tokens: fields.max_output_tokens,
    stop: fields.stop,
    temperature: fields.temperature,
    top_p: fields.top_p,
    top_k: fields.top_k,
    ...passFields(fields),
    ...(hasLogprobs && { logprobs: true, top_logprobs: fields.top_logprobs }),
    stream: fields.stream,
    tools: translateResponseTools(translator, fields.tools),
    tool_choice: translateResponseChoice(translator, fields.tool_choice),
    parallel_tool_calls: fields.parallel_tool_calls,
    reasoning_effort: readEffort(translator, fields.reasoning),
    response_format: translateText(translator, fields.text),
    prompt_cache_key: fields.prompt_cache_key,
    ogong: fields.ogong,
  };
  return { body: encodeChat(chat), dropped: translator.dropped, asked: fields };
}

function readInstructions(value: unknown): readonly JsonFields[] {
  if (isAbsent(value)) return [];
  const content = readText(value, 'instructions');
  return content === '' ? [] : [{ role: 'system', content }];
}

/** @returns whether log-probabilities are requested. */
function readIncludes(translator: Translator, value: unknown): boolean {
  if (isAbsent(value)) return false;
  let hasLogprobs = false;
  for (const [i, item] of readList(value, 'include').entries()) {
    if (item === LOGPROBS) hasLogprobs = true;
    // The others ask for results of a server's tools and for encrypted reasoning. No answer has these.
    else translator.dropped.push(`include.${readText(item, `include[${i}]`)}`);
  }
  return hasLogprobs;
}

function readEffort(translator: Translator, value: unknown): unknown {
  if (isAbsent(value)) return undefined;
  const reasoning = readFields(value, 'reasoning');
  applyRules(translator, reasoning, RESPONSES_REASONING_FIELDS, 'reasoning');
  return reasoning.effort;
}

function translateText(translator: Translator, value: unknown): JsonFields | undefined {
  if (isAbsent(value)) return undefined;
  const text = readFields(value, 'text');
  applyRules(translator, text, RESPONSES_TEXT_FIELDS, 'text');
  if (isAbsent(text.format)) return undefined;
  const format = readFields(text.format, 'text.format');
  applyRules(translator, format, RESPONSES_FORMAT_FIELDS, 'text.format');
  const { type, name, description, schema, strict } = format;
  if (type === 'text') return undefined;
  if (type === 'json_object') return { type };
  if (type !== 'json_schema') {
    throw new RequestError('text.format.type must be text, json_object or json_schema', 'text.format.type');
  }
  const given = { name: readText(name, 'text.format.name'), description, schema, strict };
  return { type, json_schema: Object.fromEntries(Object.entries(given).filter(([, item]) => !isAbsent(item))) };
}
