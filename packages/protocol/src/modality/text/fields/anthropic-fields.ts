import {
  type FieldRefusal,
  type FieldRules,
  isEmptyList,
  isEmptyObject,
  isFalse,
  OTHERS,
} from '../../shared/field-rules.ts';
import { FOREIGN_FIELDS } from './answer-fields.ts';
import { PASSED_FIELDS } from './passed-fields.ts';

/** The keys of a message of Anthropic's API (docs/spec/dialects.md). */
export const ANTHROPIC_FIELDS: FieldRules = {
  ...FOREIGN_FIELDS,
  ...PASSED_FIELDS,
  model: 'works',
  messages: 'works',
  max_tokens: 'works',
  system: 'works',
  stop_sequences: 'works',
  temperature: 'works',
  top_p: 'works',
  top_k: 'works',
  stream: 'works',
  tools: 'works',
  tool_choice: 'works',
  output_config: 'works',
  // An earlier name of output_config.format.
  output_format: 'works',
  thinking: 'works',
  // A new one is answered and not kept, so none can be continued.
  thread: 'works',
  ogong: 'works',

  metadata: 'ignored',
  service_tier: 'ignored',
  cache_control: 'ignored',
  user_profile_id: 'ignored',
  workspace_id: 'ignored',
  billing_policy: 'ignored',
  fallback_credit_token: 'ignored',

  // Second choices, if the model refuses. No answer here is a refusal of that kind.
  fallbacks: 'dropped',
  speed: 'dropped',
  diagnostics: 'dropped',
  context_management: { dropped: 'a prompt is answered as it is sent', unless: isEmptyObject },
  mcp_servers: { dropped: 'the model is offered no tools that a server runs', unless: isEmptyList },
  container: { dropped: 'the model is offered no tools that a server runs' },

  compaction: { refused: 'no conversation is summarised here; leave it out' },
  inference_geo: { refused: 'nobody can promise this here; leave it out' },
};

const CACHED: FieldRules = { cache_control: 'ignored' };

export const ANTHROPIC_MESSAGE_FIELDS: FieldRules = { role: 'works', content: 'works' };

export const ANTHROPIC_SOURCE_FIELDS: FieldRules = {
  ...{ type: 'works', data: 'works', url: 'works', media_type: 'ignored' },
};

/** Content blocks by type. Blocks of other types are dropped or refused. */
export const ANTHROPIC_BLOCK_FIELDS = {
  text: { type: 'works', text: 'works', citations: 'ignored', ...CACHED },
  // The summary of the messages before it.
  compaction: {
    ...{ type: 'works', content: 'works', encrypted_content: 'ignored', signature: 'ignored' },
    ...{ tool_changes: 'ignored', ...CACHED },
  },
  image: { type: 'works', source: 'works', ...CACHED },
  thinking: { type: 'works', thinking: 'works', signature: 'ignored', ...CACHED },
  tool_use: {
    ...{ type: 'works', id: 'works', name: 'works', input: 'works' },
    ...{ caller: 'ignored', toolset_name: 'ignored', ...CACHED },
  },
  tool_result: {
    ...{ type: 'works', tool_use_id: 'works', content: 'works' },
    ...{ is_error: 'dropped', ...CACHED },
  },
} as const satisfies Readonly<Record<string, FieldRules>>;

/**
 * Blocks that another server wrote for itself: its own tools, which nobody here runs, and its notes about an answer. They are
 * dropped, and the response names them. Other blocks are refused, because a message without them says something else.
 */
const FOREIGN_BLOCKS: ReadonlySet<unknown> = new Set([
  ...['redacted_thinking', 'server_tool_use', 'mcp_tool_use', 'mcp_tool_result', 'mcp_tool_listing'],
  ...['tool_reference', 'tool_addition', 'tool_removal', 'fallback', 'browser_state'],
]);
const FOREIGN_RESULT =
  /^(?:web_search|web_fetch|advisor|(?:bash_|text_editor_)?code_execution|tool_search)_tool_result$/;

export const isForeignBlock = (type: unknown): boolean =>
  FOREIGN_BLOCKS.has(type) || (typeof type === 'string' && FOREIGN_RESULT.test(type));

/** A tool that the client runs. Others are dropped as a whole, and the response names them. */
export const ANTHROPIC_TOOL_FIELDS: FieldRules = {
  ...{ type: 'works', name: 'works', description: 'works', input_schema: 'works' },
  // It works if a grammar constrains the answer. Otherwise the response names it.
  strict: 'works',
  ...{ eager_input_streaming: 'ignored', allowed_callers: 'ignored', ...CACHED },
  input_examples: 'dropped',
  defer_loading: { dropped: 'every tool is in the prompt from the start', unless: isFalse },
};

const UNKNOWN_CHOICE: FieldRefusal = {
  refused: 'it says which tools the answer calls, in a way that is not known here',
};

export const ANTHROPIC_CHOICE_FIELDS: FieldRules = {
  ...{ type: 'works', name: 'works', disable_parallel_tool_use: 'works' },
  [OTHERS]: UNKNOWN_CHOICE,
};

export const ANTHROPIC_OUTPUT_FIELDS: FieldRules = { format: 'works', effort: 'works' };
export const ANTHROPIC_FORMAT_FIELDS: FieldRules = { type: 'works', schema: 'works' };
