import { applyRules, isAbsent } from '../../shared/field-rules.ts';
import { RequestError } from '../../shared/request-error.ts';
import { parseObject } from '../../shared/request-fields.ts';
import { ANTHROPIC_FIELDS, ANTHROPIC_FORMAT_FIELDS, ANTHROPIC_OUTPUT_FIELDS } from '../fields/anthropic-fields.ts';
import { THINKING_FIELDS } from '../fields/chat-fields.ts';
import { passFields } from '../fields/passed-fields.ts';
import { translateMessages, translateSystem } from './anthropic-messages.ts';
import { translateToolChoice, translateTools } from './anthropic-tools.ts';
import {
  encodeChat,
  type JsonFields,
  readFields,
  readList,
  readText,
  type Translation,
  type Translator,
} from './translation.ts';

/** A request of Anthropic's Messages API. */
export interface AnthropicRequest extends Translation {
  readonly stopSequences: readonly string[];
}

const MAX_STOPS = 4;

/**
 * Translates the body of a message, or of a count of its tokens, to a chat.
 * @param use a count requests no reply, so it needs no limit.
 * @throws RequestError
 */
export function translateAnthropic(body: Uint8Array, use: 'message' | 'count'): AnthropicRequest {
  const fields = parseObject(body);
  const translator: Translator = { dropped: [] };
  applyRules(translator, fields, ANTHROPIC_FIELDS);
  readThread(translator, fields.thread);
  if (use === 'message' && isAbsent(fields.max_tokens)) throw new RequestError('max_tokens is required', 'max_tokens');
  const stopSequences = readStops(fields.stop_sequences);
  const messages = [...translateSystem(translator, fields.system), ...translateMessages(translator, fields.messages)];
  const chat: JsonFields = {
    model: fields.model,
    messages,
    max_tokens: fields.max_tokens,
    stop: stopSequences.length === 0 ? undefined : stopSequences,
    temperature: fields.temperature,
    top_p: fields.top_p,
    top_k: fields.top_k,
    ...passFields(fields),
    stream: fields.stream,
    tools: translateTools(translator, fields.tools),
    ...translateToolChoice(translator, fields.tool_choice),
    ...translateThinking(translator, fields),
    response_format: translateFormat(translator, fields),
    ogong: fields.ogong,
  };
  return { body: encodeChat(chat), dropped: translator.dropped, stopSequences };
}

/**
 * Reads the wish for a stored conversation. A new one is answered as any other request. A later one would be read without the
 * messages before it, so it is refused in the words that make a client send them.
 */
function readThread(translator: Translator, value: unknown): void {
  if (isAbsent(value)) return;
  const { type } = readFields(value, 'thread');
  if (type === 'create') {
    translator.dropped.push('thread');
    return;
  }
  if (type !== 'continue') throw new RequestError('thread.type must be create or continue', 'thread.type');
  const message = 'thread: no conversation is kept here; send the whole conversation';
  throw new RequestError(message, 'thread', 'thread_not_found', { isMissing: true });
}

function readStops(value: unknown): readonly string[] {
  if (isAbsent(value)) return [];
  const stops = readList(value, 'stop_sequences');
  if (stops.length > MAX_STOPS) {
    throw new RequestError(`stop_sequences must be an array of at most ${MAX_STOPS} strings`, 'stop_sequences');
  }
  return stops.map((stop, i) => readText(stop, `stop_sequences[${i}]`));
}

/** Translates thinking. With Anthropic the effort covers all output. A chat has a field for it only if the model thinks. */
function translateThinking(translator: Translator, { thinking, output_config: config }: JsonFields): JsonFields {
  const effort = isAbsent(config) ? undefined : readFields(config, 'output_config').effort;
  const given = isAbsent(thinking) ? {} : readFields(thinking, 'thinking');
  applyRules(translator, given, THINKING_FIELDS, 'thinking');
  const thinks = given.type === 'enabled' || given.type === 'adaptive';
  if (!thinks && !isAbsent(effort)) translator.dropped.push('output_config.effort');
  return {
    ...(!isAbsent(thinking) && { thinking: { type: given.type } }),
    ...(thinks && { reasoning_effort: effort }),
  };
}

function translateFormat(
  translator: Translator,
  { output_config: config, output_format: former }: JsonFields,
): JsonFields | undefined {
  const output = isAbsent(config) ? {} : readFields(config, 'output_config');
  applyRules(translator, output, ANTHROPIC_OUTPUT_FIELDS, 'output_config');
  const isNamed = !isAbsent(output.format);
  if (isNamed && !isAbsent(former)) throw new RequestError('output_format: use output_config.format', 'output_format');
  const [value, where] = isNamed ? [output.format, 'output_config.format'] : [former, 'output_format'];
  if (isAbsent(value)) return undefined;
  const format = readFields(value, where);
  applyRules(translator, format, ANTHROPIC_FORMAT_FIELDS, where);
  if (format.type !== 'json_schema') throw new RequestError(`${where}.type must be "json_schema"`, `${where}.type`);
  const schema = readFields(format.schema, `${where}.schema`);
  return { type: 'json_schema', json_schema: { name: 'output', schema } };
}
