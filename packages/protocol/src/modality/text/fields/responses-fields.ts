import { type FieldRefusal, type FieldRules, isEmptyList, isEmptyObject, isFalse } from '../../shared/field-rules.ts';
import { FOREIGN_FIELDS } from './answer-fields.ts';
import { PASSED_FIELDS } from './passed-fields.ts';

const UNSTORED: FieldRefusal = { refused: 'no response is stored here; send the whole conversation as input' };

/** The keys of a response of OpenAI's API (docs/spec/dialects.md). */
export const RESPONSES_FIELDS: FieldRules = {
  ...FOREIGN_FIELDS,
  ...PASSED_FIELDS,
  model: 'works',
  input: 'works',
  instructions: 'works',
  max_output_tokens: 'works',
  temperature: 'works',
  top_p: 'works',
  top_k: 'works',
  stop: 'works',
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
  reasoning: 'works',
  ogong: 'works',

  metadata: 'ignored',
  user: 'ignored',
  safety_identifier: 'ignored',
  service_tier: 'ignored',
  // For tools that the server runs; there are none.
  max_tool_calls: 'ignored',

  prompt_cache_retention: 'dropped',
  prompt_cache_options: 'dropped',
  access_programs: 'dropped',
  // A picture is read as its model's encoder reads it.
  image: 'dropped',
  // It says how a refused one works.
  background_options: 'dropped',
  truncation: {
    dropped: "a prompt that fits is answered whole; a longer one is refused with the context's error",
    unless: (value) => value === 'disabled',
  },
  context_management: { dropped: 'a prompt is answered as it is sent', unless: isEmptyList },

  max_tokens: { refused: 'use max_output_tokens' },
  max_completion_tokens: { refused: 'use max_output_tokens' },
  response_format: { refused: 'use text.format' },
  messages: { refused: 'use input', unless: isEmptyList },
  previous_response_id: UNSTORED,
  conversation: UNSTORED,
  background: { ...UNSTORED, unless: isFalse },
  prompt: { refused: 'no prompts are stored here; send the text as input', unless: isEmptyObject },
  moderation: { refused: 'no answer is moderated here; leave it out' },
};

export const RESPONSES_STREAM_FIELDS: FieldRules = { include_obfuscation: 'ignored' };
export const RESPONSES_TEXT_FIELDS: FieldRules = { format: 'works', verbosity: 'dropped' };
export const RESPONSES_REASONING_FIELDS: FieldRules = {
  ...{ effort: 'works', summary: 'dropped', generate_summary: 'dropped' },
  ...{ context: 'dropped', mode: 'dropped' },
};
export const RESPONSES_FORMAT_FIELDS: FieldRules = {
  ...{ type: 'works', name: 'works', description: 'works', schema: 'works', strict: 'works' },
};

/** A function that the client runs. Other tools are dropped as a whole, and the response names them. */
export const RESPONSES_TOOL_FIELDS: FieldRules = {
  ...{ type: 'works', name: 'works', description: 'works', parameters: 'works', strict: 'works' },
  ...{ output_schema: 'ignored', allowed_callers: 'ignored' },
  defer_loading: { dropped: 'every tool is in the prompt from the start', unless: isFalse },
};

/** Functions that the client runs, under a name of their own. */
export const RESPONSES_NAMESPACE_FIELDS: FieldRules = {
  ...{ type: 'works', name: 'works', tools: 'works' },
  description: { dropped: 'the model is shown the description of each function' },
};

const OF_ITEM = { type: 'works', id: 'ignored', status: 'ignored' } as const satisfies FieldRules;
const CALL: FieldRules = { ...OF_ITEM, call_id: 'works', name: 'works', namespace: 'works', caller: 'ignored' };
const RESULT: FieldRules = {
  ...{ ...OF_ITEM, call_id: 'works', output: 'works' },
  // The call says it.
  ...{ name: 'ignored', namespace: 'ignored', caller: 'ignored' },
};

/** Items of the input by type. Items of other types are refused, because a conversation without them says something else. */
export const RESPONSES_ITEM_FIELDS = {
  message: { ...OF_ITEM, role: 'works', content: 'works', phase: 'ignored' },
  function_call: { ...CALL, arguments: 'works' },
  function_call_output: RESULT,
  // A call of a tool without a schema. Its text is the field `input` of the arguments.
  custom_tool_call: { ...CALL, input: 'works' },
  custom_tool_call_output: RESULT,
  reasoning: {
    ...{ ...OF_ITEM, content: 'works', summary: 'ignored' },
    encrypted_content: { dropped: 'only the server that encrypted it can read it' },
  },
} as const satisfies Readonly<Record<string, FieldRules>>;

/** Items that only say that a server ran a tool, without a result. They are dropped, and the response names them. */
export const RESPONSES_DROPPED_ITEMS: ReadonlySet<unknown> = new Set([
  ...['web_search_call', 'file_search_call', 'code_interpreter_call', 'image_generation_call'],
  ...['mcp_list_tools', 'tool_search_call', 'tool_search_output'],
]);

export const RESPONSES_PICTURE_FIELDS: FieldRules = {
  ...{ type: 'works', image_url: 'works', detail: 'ignored' },
  file_id: { refused: 'no file is stored here; send the picture itself as a data URL' },
};
export const RESPONSES_PART_FIELDS: FieldRules = {
  ...{ type: 'works', text: 'works', logprobs: 'ignored' },
  annotations: { dropped: 'nothing is cited here', unless: isEmptyList },
};
