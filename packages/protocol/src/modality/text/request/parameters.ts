import {
  type FieldRefusal,
  type FieldRules,
  isEmptyList,
  isEmptyObject,
  isEmptyText,
  isFalse,
  isOne,
  isTrue,
  isZero,
} from '../../shared/field-rules.ts';

/**
 * The keys of a body (docs/spec/request.md): OpenAI's own, and those that clients of OpenRouter, vLLM and LiteLLM add. Gateway
 * and local mode both use only these tables.
 */

const TOOLS: FieldRefusal = { refused: 'use tools and tool_choice', unless: isEmptyList };
const NO_CHAT: FieldRefusal = { refused: 'only chats call tools', unless: isEmptyList };
const isNoChoice = (value: unknown): boolean => value === 'none' || value === 'auto';
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
  presence_penalty: 'works',
  frequency_penalty: 'works',
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
  cache_salt: 'dropped',
  priority: 'dropped',
  request_id: 'dropped',
  session_id: 'dropped',
  trace: 'dropped',
  tags: 'dropped',

  functions: TOOLS,
  function_call: { ...TOOLS, unless: isNoChoice },
  audio: { refused: 'text models make no audio' },
  web_search_options: { refused: 'nothing is searched here; leave it out', unless: isEmptyObject },
  plugins: { refused: 'no plugins are served; leave it out', unless: isEmptyList },
  chat_template: { refused: "the model's own template makes the prompt; leave it out", unless: isEmptyText },
  add_generation_prompt: { refused: 'a chat always ends with a turn of the assistant', unless: isTrue },
  continue_final_message: { refused: 'use completions to continue a text', unless: isFalse },
  best_of: { refused: 'use n', unless: isOne },
  repetition_penalty: { refused: 'use presence_penalty or frequency_penalty', unless: isOne },
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
  guided_json: 'works',
  guided_choice: 'works',
  guided_grammar: 'works',
  guided_regex: { refused: 'use a json_schema with a pattern, or a grammar' },
  guided_decoding_backend: 'dropped',
  structured_outputs: 'works',
  grammar: 'works',
} as const satisfies FieldRules;

export const CHAT_PARAMETERS: FieldRules = {
  ...COMMON,
  messages: 'works',
  max_completion_tokens: 'works',
  top_logprobs: 'works',
  response_format: 'works',
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

export const COMPLETION_PARAMETERS: FieldRules = {
  ...COMMON,
  prompt: 'works',
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
};

const PROMISE: FieldRefusal = {
  refused: 'nobody can promise this here; leave it out, or demand exact or model_root in the object ogong',
};

/** Creates the refusal of a field that the object `ogong` replaces. */
const promisedBy = (field: string): FieldRefusal => ({
  refused: `a gateway honours ogong.${field} in its place; leave this out`,
});

/** OpenRouter's object `provider`. Preferences are dropped, promises are refused. */
export const ROUTING_PARAMETERS: FieldRules = {
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
export const STRUCTURE_PARAMETERS: FieldRules = {
  json: 'works',
  choice: 'works',
  grammar: 'works',
  regex: { refused: 'use a json_schema with a pattern, or a grammar' },
  structural_tag: { refused: 'use a grammar' },
  disable_any_whitespace: { refused: 'blanks are few in any case; leave it out', unless: isFalse },
};

/** OpenRouter's object `usage`. */
export const USAGE_PARAMETERS: FieldRules = { include: 'works' };
