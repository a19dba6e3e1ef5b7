import {
  type FieldRefusal,
  type FieldRules,
  isEmptyList,
  isEmptyObject,
  isEmptyText,
  isFalse,
  isOff,
  isOne,
  isTrue,
  isZero,
  OTHERS,
} from '../../shared/field-rules.ts';
import { FOREIGN_FIELDS } from './answer-fields.ts';

/**
 * The keys of a body (docs/spec/request.md): OpenAI's own, and those that clients of OpenRouter, vLLM, llama.cpp and LiteLLM add.
 * Gateway and local mode both use only these tables.
 */

const TOOLS: FieldRefusal = { refused: 'use tools and tool_choice', unless: isEmptyList };
const NO_CHAT: FieldRefusal = { refused: 'only chats call tools', unless: isEmptyList };
const isTextAlone = (value: unknown): boolean => Array.isArray(value) && value.length === 1 && value[0] === 'text';
const isNoChoice = (value: unknown): boolean => value === 'none' || value === 'auto';
const LIMIT: FieldRefusal = { refused: 'use max_tokens', unless: (value) => value === -1 };
const UNSTORED: FieldRefusal = { refused: 'no conversation is kept here; send the whole conversation as messages' };
const TOKENS: FieldRefusal = { refused: 'tokens are shown and ended as the model has them; leave it out' };

const COMMON = {
  model: 'works',
  temperature: 'works',
  top_p: 'works',
  top_k: 'works',
  min_p: 'works',
  n: 'works',
  stop: 'works',
  max_tokens: 'works',
  max_completion_tokens: 'works',
  response_format: 'works',
  presence_penalty: 'works',
  frequency_penalty: 'works',
  repetition_penalty: 'works',
  repeat_penalty: 'works',
  repeat_last_n: 'works',
  logit_bias: 'works',
  logprobs: 'works',
  seed: 'works',
  stream: 'works',
  stream_options: 'works',
  prompt_cache_key: 'works',
  ogong: 'works',
  // OpenRouter's field: `{"include": true}` requests the same as stream_options.
  usage: 'works',
  provider: 'works',

  user: 'ignored',
  metadata: 'ignored',
  store: 'ignored',
  service_tier: 'ignored',
  safety_identifier: 'ignored',

  // Hints about a model's style, which no model here uses.
  include_reasoning: 'dropped',
  verbosity: 'dropped',
  prediction: 'dropped',
  // Second choices, if the first one fails. The network retries by itself.
  models: 'dropped',
  route: 'dropped',
  transforms: 'dropped',
  // For the accounting of a proxy.
  prompt_cache_retention: 'dropped',
  prompt_cache_options: 'dropped',
  cache_salt: 'dropped',
  priority: 'dropped',
  request_id: 'dropped',
  session_id: 'dropped',
  trace: 'dropped',
  tags: 'dropped',

  functions: TOOLS,
  function_call: { ...TOOLS, unless: isNoChoice },
  audio: { refused: 'text models make no audio' },
  // An empty object asks for a search, too.
  web_search_options: { refused: 'nothing is searched here; leave it out' },
  moderation: { refused: 'no answer is moderated here; leave it out' },
  plugins: { refused: 'no plugins are served; leave it out', unless: isEmptyList },
  chat_template: { refused: "the model's own template makes the prompt; leave it out", unless: isEmptyText },
  add_generation_prompt: { refused: 'a chat always ends with a turn of the assistant', unless: isTrue },
  continue_final_message: { refused: 'use completions to continue a text', unless: isFalse },
  best_of: { refused: 'use n', unless: isOne },
  length_penalty: { refused: 'beams are not searched; leave it out', unless: isOne },
  use_beam_search: { refused: 'beams are not searched; leave it out', unless: isFalse },
  top_a: { refused: 'use top_p or min_p', unless: isZero },
  typical_p: { refused: 'use top_p or min_p', unless: isOne },
  min_tokens: { refused: 'a reply may end with its first token; leave it out', unless: isZero },
  ignore_eos: { refused: 'a reply ends where the model ends it; leave it out', unless: isFalse },
  stop_token_ids: { refused: 'use stop', unless: isEmptyList },
  include_stop_str_in_output: { refused: 'an answer ends before its stop sequence', unless: isFalse },
  truncate_prompt_tokens: { refused: 'a prompt that is too long is refused, never cut' },
  skip_special_tokens: { ...TOKENS, unless: isTrue },
  spaces_between_special_tokens: { ...TOKENS, unless: isTrue },
  prompt_logprobs: { refused: 'only tokens of the answer have logprobs', unless: isZero },
  // Samplers of llama.cpp and SGLang.
  tfs_z: { refused: 'use top_p or min_p', unless: isOne },
  mirostat: { refused: 'use temperature, top_p or min_p', unless: isZero },
  dynatemp_range: { refused: 'use temperature', unless: isZero },
  xtc_probability: { refused: 'use top_p or min_p', unless: isZero },
  dry_multiplier: { refused: 'use presence_penalty or frequency_penalty', unless: isZero },
  no_repeat_ngram_size: { refused: 'use presence_penalty or frequency_penalty', unless: isZero },
  top_n_sigma: { refused: 'use top_p or min_p', unless: isOff },
  bad_words: { refused: 'use logit_bias', unless: isEmptyList },
  allowed_token_ids: { refused: 'use logit_bias, or a grammar', unless: isEmptyList },
  documents: { refused: 'write the documents into the messages', unless: isEmptyList },
  // An empty one stands for any JSON.
  json_schema: { refused: 'use response_format' },
  format: { refused: 'use response_format', unless: isEmptyText },
  output_format: { refused: 'use response_format' },
  // The limit of tokens, by its names on other servers.
  n_predict: LIMIT,
  num_predict: LIMIT,
  max_new_tokens: LIMIT,
  max_output_tokens: LIMIT,
  thread: UNSTORED,
  conversation: UNSTORED,
  previous_response_id: UNSTORED,
  regex: { refused: 'use a json_schema with a pattern, or a grammar' },
  ebnf: { refused: 'use a grammar in GBNF' },
  guided_json: 'works',
  guided_choice: 'works',
  guided_grammar: 'works',
  guided_regex: { refused: 'use a json_schema with a pattern, or a grammar' },
  guided_decoding_backend: 'dropped',
  structured_outputs: 'works',
  grammar: 'works',
} as const satisfies FieldRules;

export const CHAT_FIELDS: FieldRules = {
  ...FOREIGN_FIELDS,
  ...COMMON,
  messages: 'works',
  prompt: { refused: 'a chat has messages; use completions to continue a text' },
  top_logprobs: 'works',
  modalities: 'works',
  reasoning_effort: 'works',
  enable_thinking: 'works',
  reasoning: 'works',
  thinking: 'works',
  chat_template_kwargs: 'works',
  echo: { refused: 'the messages are not sent back', unless: isFalse },
  suffix: { refused: 'use completions to fill in a text', unless: isEmptyText },
  tools: 'works',
  tool_choice: 'works',
  parallel_tool_calls: 'works',
};

export const COMPLETION_FIELDS: FieldRules = {
  ...FOREIGN_FIELDS,
  ...COMMON,
  prompt: 'works',
  messages: { refused: 'a completion has a prompt; use chat completions', unless: isEmptyList },
  suffix: 'works',
  echo: 'works',
  // No template is used.
  reasoning_effort: 'dropped',
  reasoning: 'dropped',
  thinking: 'dropped',
  chat_template_kwargs: { refused: 'a completion has no template; leave it out', unless: isEmptyObject },
  tools: NO_CHAT,
  tool_choice: { ...NO_CHAT, unless: isNoChoice },
  parallel_tool_calls: 'ignored',
  modalities: { refused: 'only the text modality is served', unless: isTextAlone },
};

const PROMISE: FieldRefusal = {
  refused: 'nobody can promise this here; leave it out, or demand exact or model_root in the object ogong',
};

/** Creates the refusal of a field that the object `ogong` replaces. */
const promisedBy = (field: string): FieldRefusal => ({
  refused: `a gateway honours ogong.${field} in its place; leave this out`,
});

/** OpenRouter's object `provider`. Preferences are dropped, promises are refused. */
export const ROUTING_FIELDS: FieldRules = {
  order: 'dropped',
  sort: 'dropped',
  allow_fallbacks: 'dropped',
  require_parameters: 'ignored',
  preferred_min_throughput: 'dropped',
  preferred_max_latency: 'dropped',
  data_collection: { ...PROMISE, unless: (value) => value === 'allow' },
  zdr: { ...PROMISE, unless: isFalse },
  enforce_distillable_text: { ...PROMISE, unless: isFalse },
  only: { ...promisedBy('providers.only'), unless: isEmptyList },
  ignore: { ...promisedBy('providers.ignore'), unless: isEmptyList },
  quantizations: { ...PROMISE, unless: isEmptyList },
  max_price: promisedBy('max_price'),
};

/** vLLM's object `structured_outputs`. */
export const STRUCTURE_FIELDS: FieldRules = {
  json: 'works',
  choice: 'works',
  grammar: 'works',
  regex: { refused: 'use a json_schema with a pattern, or a grammar' },
  structural_tag: { refused: 'use a grammar' },
  disable_any_whitespace: { refused: 'blanks are few in any case; leave it out', unless: isFalse },
  [OTHERS]: { refused: 'it says what the answer may be, in a way that is not known here' },
};

/** OpenRouter's object `usage`. */
export const USAGE_FIELDS: FieldRules = { include: 'works' };

const ONLY_TEXT: FieldRefusal = { refused: 'only text and calls of tools are served' };
const BEGUN: FieldRefusal = { refused: 'an answer that the client begins is not served', unless: isFalse };

/** A message of a system, a developer or a user. */
const MESSAGE = {
  role: 'works',
  content: 'works',
  // Clients send these back from an earlier answer, or no prompt has them.
  name: 'ignored',
  refusal: 'ignored',
  annotations: 'ignored',
  function_call: ONLY_TEXT,
  audio: ONLY_TEXT,
  tool_calls: { refused: 'only an assistant calls tools', unless: isEmptyList },
  // Fields of other servers for an answer that the client begins.
  prefix: BEGUN,
  partial: BEGUN,
} as const satisfies FieldRules;

/** Messages by role. */
export const MESSAGE_FIELDS: Readonly<Record<string, FieldRules>> = {
  system: MESSAGE,
  developer: MESSAGE,
  user: MESSAGE,
  assistant: { ...MESSAGE, tool_calls: 'works', reasoning_content: 'works' },
  tool: { ...MESSAGE, tool_call_id: 'works' },
};

export const PART_FIELDS: FieldRules = { type: 'works', text: 'works' };
export const PICTURE_PART_FIELDS: FieldRules = { type: 'works', image_url: 'works' };
/** A picture is read as its model's encoder reads it, whatever the detail. */
export const PICTURE_URL_FIELDS: FieldRules = { url: 'works', detail: 'ignored', format: 'ignored' };
export const CALL_FIELDS: FieldRules = { id: 'works', type: 'works', function: 'works', index: 'ignored' };
export const CALLED_FIELDS: FieldRules = { name: 'works', arguments: 'works' };
export const TOOL_FIELDS: FieldRules = { type: 'works', function: 'works' };
export const FUNCTION_FIELDS: FieldRules = {
  ...{ name: 'works', description: 'works', parameters: 'works' },
  // It works if a grammar constrains the answer. Otherwise the response names it.
  strict: 'works',
};
export const ALLOWED_TOOLS_FIELDS: FieldRules = { mode: 'works', tools: 'works' };

export const STREAM_FIELDS: FieldRules = { include_usage: 'works', include_obfuscation: 'ignored' };

const NO_SCHEMA: FieldRefusal = { refused: 'only the type json_schema has it' };

/** `response_format` by its type. */
export const FORMAT_FIELDS: Readonly<Record<string, FieldRules>> = {
  text: { type: 'works', schema: NO_SCHEMA, json_schema: NO_SCHEMA },
  json_object: { type: 'works', schema: 'works', json_schema: NO_SCHEMA },
  json_schema: { type: 'works', json_schema: 'works' },
};
/** The answer always matches the schema, whatever `strict` says. */
export const NAMED_SCHEMA_FIELDS: FieldRules = {
  ...{ name: 'ignored', description: 'ignored', strict: 'ignored', schema: 'works' },
};

export const REASONING_FIELDS: FieldRules = {
  ...{ effort: 'works', enabled: 'works' },
  ...{ max_tokens: 'dropped', exclude: 'dropped', summary: 'dropped', generate_summary: 'dropped' },
};
export const THINKING_FIELDS: FieldRules = { type: 'works', budget_tokens: 'dropped', display: 'dropped' };
export const TEMPLATE_FIELDS: FieldRules = {
  ...{ enable_thinking: 'works', thinking: 'works', reasoning_effort: 'works' },
  [OTHERS]: { refused: 'a template gets no other variables here' },
};
