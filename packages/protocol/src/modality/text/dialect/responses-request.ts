import { type FieldRefusal, type FieldRules, isAbsent, isEmptyList, isFalse } from '../../shared/field-rules.ts';
import { RequestError } from '../../shared/request-error.ts';
import { parseObject } from '../../shared/request-fields.ts';
import { translateInput } from './responses-input.ts';
import { translateResponseChoice, translateResponseTools } from './responses-tools.ts';
import {
  encodeChat,
  type JsonFields,
  judge,
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

const UNSTORED: FieldRefusal = { refused: 'no response is stored here; send the whole conversation as input' };

const PARAMETERS: FieldRules = {
  model: 'works',
  input: 'works',
  instructions: 'works',
  max_output_tokens: 'works',
  temperature: 'works',
  top_p: 'works',
  top_logprobs: 'works',
  stream: 'works',
  stream_options: 'works',
  text: 'works',
  tools: 'works',
  tool_choice: 'works',
  parallel_tool_calls: 'works',
  include: 'works',
  // The answer states false, for any value in the request.
  store: 'works',
  prompt_cache_key: 'works',
  ogong: 'works',

  metadata: 'ignored',
  user: 'ignored',
  safety_identifier: 'ignored',
  service_tier: 'ignored',
  // For tools that the server runs; there are none.
  max_tool_calls: 'ignored',

  reasoning: 'works',
  prompt_cache_retention: 'dropped',
  prompt_cache_options: 'dropped',

  previous_response_id: UNSTORED,
  conversation: UNSTORED,
  background: { ...UNSTORED, unless: isFalse },
  prompt: { refused: 'no prompts are stored here; send the text as input' },
  truncation: { refused: 'a prompt that is too long is refused, never cut', unless: (value) => value === 'disabled' },
  context_management: { refused: 'a prompt is answered as it is sent; leave it out', unless: isEmptyList },
  moderation: { refused: 'no answer is moderated here; leave it out' },
};

const STREAM_RULES: FieldRules = { include_obfuscation: 'ignored' };
const TEXT_RULES: FieldRules = { format: 'works', verbosity: 'dropped' };
const REASONING_RULES: FieldRules = {
  ...{ effort: 'works', summary: 'dropped', generate_summary: 'dropped' },
  ...{ context: 'dropped', mode: 'dropped' },
};
const FORMAT_RULES: FieldRules = {
  ...{ type: 'works', name: 'works', description: 'works', schema: 'works', strict: 'works' },
};
const LOGPROBS = 'message.output_text.logprobs';
/** Includes of server tools and encrypted reasoning. Both do not exist, so these add nothing. */
const EMPTY_INCLUDES =
  /^(?:reasoning\.encrypted_content|(?:web_search|code_interpreter|computer|file_search)_call[a-z_.]*)$/;

/**
 * Translates the body of a response, or of a count of its input, to a chat.
 * @throws RequestError
 */
export function translateResponses(body: Uint8Array): ResponsesRequest {
  const fields = parseObject(body);
  const translator: Translator = { dropped: [] };
  judge(translator, fields, PARAMETERS);
  if (!isAbsent(fields.stream_options)) {
    judge(translator, readFields(fields.stream_options, 'stream_options'), STREAM_RULES, 'stream_options');
  }
  if (fields.store === true) translator.dropped.push('store');
  const hasLogprobs = readIncludes(translator, fields.include);
  const chat: JsonFields = {
    model: fields.model,
    messages: [...readInstructions(fields.instructions), ...translateInput(translator, fields.input)],
    max_completion_tokens: fields.max_output_tokens,
    temperature: fields.temperature,
    top_p: fields.top_p,
    ...(hasLogprobs && { logprobs: true, top_logprobs: fields.top_logprobs }),
    stream: fields.stream,
    tools: translateResponseTools(translator, fields.tools),
    tool_choice: translateResponseChoice(fields.tool_choice),
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
    else if (typeof item === 'string' && EMPTY_INCLUDES.test(item)) translator.dropped.push(`include.${item}`);
    else throw new RequestError(`include[${i}] is not served`, `include[${i}]`, 'unsupported_parameter');
  }
  return hasLogprobs;
}

function readEffort(translator: Translator, value: unknown): unknown {
  if (isAbsent(value)) return undefined;
  const reasoning = readFields(value, 'reasoning');
  judge(translator, reasoning, REASONING_RULES, 'reasoning');
  return reasoning.effort;
}

function translateText(translator: Translator, value: unknown): JsonFields | undefined {
  if (isAbsent(value)) return undefined;
  const text = readFields(value, 'text');
  judge(translator, text, TEXT_RULES, 'text');
  if (isAbsent(text.format)) return undefined;
  const format = readFields(text.format, 'text.format');
  judge(translator, format, FORMAT_RULES, 'text.format');
  const { type, name, description, schema, strict } = format;
  if (type === 'text') return undefined;
  if (type === 'json_object') return { type };
  if (type !== 'json_schema') {
    throw new RequestError('text.format.type must be text, json_object or json_schema', 'text.format.type');
  }
  const given = { name: readText(name, 'text.format.name'), description, schema, strict };
  return { type, json_schema: Object.fromEntries(Object.entries(given).filter(([, item]) => !isAbsent(item))) };
}
