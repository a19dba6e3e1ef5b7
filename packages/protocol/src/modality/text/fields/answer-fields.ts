import { type FieldRules, isEmptyList, isEmptyText } from '../../shared/field-rules.ts';

/**
 * Fields by which any API of texts changes an answer, by the part that they decide about. An answer without one of them would be
 * another answer. So each works or is refused in every API, also in one that does not have it.
 */
const DECIDED: Readonly<Record<string, readonly string[]>> = {
  'where the answer ends': [
    ...['max_tokens', 'max_completion_tokens', 'max_output_tokens', 'max_new_tokens', 'max_gen_len', 'max_length'],
    ...['max_tokens_to_sample', 'n_predict', 'num_predict', 'min_tokens', 'min_new_tokens'],
    ...['stop', 'stop_sequences', 'stop_token_ids', 'ignore_eos'],
  ],
  'the form of the answer': [
    ...['response_format', 'output_format', 'output_config', 'json_schema', 'response_schema', 'format', 'grammar'],
    ...['guided_json', 'guided_choice', 'guided_grammar', 'guided_regex', 'regex', 'ebnf', 'structured_outputs'],
    'modalities',
  ],
  'the text that is read': [
    ...['messages', 'prompt', 'input', 'instructions', 'system', 'suffix', 'documents', 'images', 'chat_template'],
    ...['thread', 'conversation', 'previous_response_id', 'compaction', 'truncate_prompt_tokens'],
  ],
  'the tools that may be called': [
    'tools',
    'functions',
    'tool_choice',
    'function_call',
    'web_search_options',
    'plugins',
  ],
  'the draw of each token': [
    ...['temperature', 'top_p', 'top_k', 'min_p', 'top_a', 'typical_p', 'tfs_z', 'top_n_sigma', 'seed', 'logit_bias'],
    ...['presence_penalty', 'frequency_penalty', 'repetition_penalty', 'repeat_penalty', 'repeat_last_n'],
    ...['mirostat', 'dynatemp_range', 'xtc_probability', 'dry_multiplier', 'no_repeat_ngram_size'],
    ...['bad_words', 'allowed_token_ids', 'use_beam_search', 'length_penalty'],
  ],
  'the number of answers': ['n', 'best_of'],
  'the check of the answer': ['moderation'],
};

/**
 * Names of the fields that change an answer.
 * @internal the page of fields and the tests of the tables read it.
 */
export const ANSWER_FIELDS: ReadonlySet<string> = new Set(Object.values(DECIDED).flat());

const isNothing = (value: unknown): boolean => isEmptyText(value) || isEmptyList(value);

/** Rules for such fields in a body whose API has none of that name. The table of the API overrides them. */
export const FOREIGN_FIELDS: FieldRules = Object.fromEntries(
  Object.entries(DECIDED).flatMap(([part, names]) =>
    names.map((name) => [
      name,
      { refused: `it decides about ${part}, and this API has no such field; leave it out`, unless: isNothing },
    ]),
  ),
);
