import type { FieldRules } from '../../shared/field-rules.ts';
import {
  ANTHROPIC_BLOCK_FIELDS,
  ANTHROPIC_CHOICE_FIELDS,
  ANTHROPIC_FIELDS,
  ANTHROPIC_FORMAT_FIELDS,
  ANTHROPIC_MESSAGE_FIELDS,
  ANTHROPIC_OUTPUT_FIELDS,
  ANTHROPIC_SOURCE_FIELDS,
  ANTHROPIC_TOOL_FIELDS,
} from './anthropic-fields.ts';
import {
  ALLOWED_TOOLS_FIELDS,
  CALL_FIELDS,
  CALLED_FIELDS,
  CHAT_FIELDS,
  COMPLETION_FIELDS,
  FORMAT_FIELDS,
  FUNCTION_FIELDS,
  MESSAGE_FIELDS,
  NAMED_SCHEMA_FIELDS,
  PART_FIELDS,
  PICTURE_PART_FIELDS,
  PICTURE_URL_FIELDS,
  REASONING_FIELDS,
  ROUTING_FIELDS,
  STREAM_FIELDS,
  STRUCTURE_FIELDS,
  TEMPLATE_FIELDS,
  THINKING_FIELDS,
  TOOL_FIELDS,
  USAGE_FIELDS,
} from './chat-fields.ts';
import {
  RESPONSES_FIELDS,
  RESPONSES_FORMAT_FIELDS,
  RESPONSES_ITEM_FIELDS,
  RESPONSES_NAMESPACE_FIELDS,
  RESPONSES_PART_FIELDS,
  RESPONSES_PICTURE_FIELDS,
  RESPONSES_REASONING_FIELDS,
  RESPONSES_STREAM_FIELDS,
  RESPONSES_TEXT_FIELDS,
  RESPONSES_TOOL_FIELDS,
} from './responses-fields.ts';

type Tables = Readonly<Record<string, FieldRules>>;

const nameEach = (what: string, tables: Tables): Tables =>
  Object.fromEntries(Object.entries(tables).map(([name, rules]) => [`${what} \`${name}\``, rules]));

/** The tables that decide about every field of every API of texts, by API and object. */
export const TEXT_API_FIELDS: Readonly<Record<string, Tables>> = {
  'Chats and completions of OpenAI': {
    'POST /v1/chat/completions': CHAT_FIELDS,
    'POST /v1/completions': COMPLETION_FIELDS,
    ...nameEach('A message of role', MESSAGE_FIELDS),
    'A part of a content': PART_FIELDS,
    'A part of type `image_url`': PICTURE_PART_FIELDS,
    'The object image_url': PICTURE_URL_FIELDS,
    'A call of a tool': CALL_FIELDS,
    'The function of a call': CALLED_FIELDS,
    'A tool': TOOL_FIELDS,
    'The function of a tool': FUNCTION_FIELDS,
    'The object allowed_tools': ALLOWED_TOOLS_FIELDS,
    ...nameEach('response_format of type', FORMAT_FIELDS),
    'The object json_schema of response_format': NAMED_SCHEMA_FIELDS,
    'The object structured_outputs': STRUCTURE_FIELDS,
    'The object reasoning': REASONING_FIELDS,
    'The object thinking': THINKING_FIELDS,
    'The object chat_template_kwargs': TEMPLATE_FIELDS,
    'The object stream_options': STREAM_FIELDS,
    'The object usage': USAGE_FIELDS,
    'The object provider': ROUTING_FIELDS,
  },
  'Responses of OpenAI': {
    'POST /v1/responses': RESPONSES_FIELDS,
    ...nameEach('An item of type', RESPONSES_ITEM_FIELDS),
    'A part of a content': RESPONSES_PART_FIELDS,
    'A part of type `input_image`': RESPONSES_PICTURE_FIELDS,
    'A function': RESPONSES_TOOL_FIELDS,
    'A tool of type `namespace`': RESPONSES_NAMESPACE_FIELDS,
    'The object text': RESPONSES_TEXT_FIELDS,
    'The object text.format': RESPONSES_FORMAT_FIELDS,
    'The object reasoning': RESPONSES_REASONING_FIELDS,
    'The object stream_options': RESPONSES_STREAM_FIELDS,
  },
  'Messages of Anthropic': {
    'POST /v1/messages': ANTHROPIC_FIELDS,
    'A message': ANTHROPIC_MESSAGE_FIELDS,
    ...nameEach('A block of type', ANTHROPIC_BLOCK_FIELDS),
    'The object source of a picture': ANTHROPIC_SOURCE_FIELDS,
    'A tool': ANTHROPIC_TOOL_FIELDS,
    'The object tool_choice': ANTHROPIC_CHOICE_FIELDS,
    'The object thinking': THINKING_FIELDS,
    'The object output_config': ANTHROPIC_OUTPUT_FIELDS,
    'The object output_config.format': ANTHROPIC_FORMAT_FIELDS,
  },
};
