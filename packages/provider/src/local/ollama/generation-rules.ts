import { type FieldRules, isFalse, isOne, isZero } from '@ogong/protocol/modality/shared/field-rules';

/** Fields of the bodies of /api/generate and /api/chat, and their effect (docs/reference/local-mode.md shows these tables). */

const shared = {
  model: 'works',
  stream: 'works',
  keep_alive: 'works',
  options: 'works',
  logprobs: 'works',
  top_logprobs: 'works',
  format: 'works',
  think: 'works',
  truncate: { dropped: 'a prompt that is too long is refused, never cut', unless: isFalse },
  shift: { dropped: 'a reply ends where the context ends', unless: isFalse },
} as const satisfies FieldRules;

export const GENERATE_RULES = {
  ...shared,
  prompt: 'works',
  system: 'works',
  raw: 'works',
  images: 'works',
  suffix: 'works',
  template: 'works',
  context: 'works',
  width: 'works',
  height: 'works',
  steps: 'works',
} as const satisfies FieldRules;

export const CHAT_RULES = {
  ...shared,
  messages: 'works',
  tools: 'works',
} as const satisfies FieldRules;

export const MESSAGE_RULES = {
  role: 'works',
  content: 'works',
  images: 'works',
  thinking: 'works',
  tool_calls: 'works',
  tool_name: 'works',
  tool_call_id: 'works',
} as const satisfies FieldRules;

/** Rules of a message's calls. */
export const CALL_RULES = { id: 'works', type: 'ignored', function: 'works' } as const satisfies FieldRules;
export const CALLED_RULES = {
  name: 'works',
  arguments: 'works',
  index: 'ignored',
  description: 'ignored',
} as const satisfies FieldRules;

/** Documented in Ollama's openapi.yaml, or in the list of parameters of its Modelfile. */
export const OPTION_RULES = {
  seed: 'works',
  temperature: 'works',
  top_k: 'works',
  top_p: 'works',
  min_p: 'works',
  stop: 'works',
  num_ctx: 'works',
  num_predict: 'works',
  presence_penalty: 'works',
  frequency_penalty: 'works',
  repeat_penalty: 'works',
  repeat_last_n: 'works',
  typical_p: { refused: 'use top_p or min_p', unless: isOne },
  tfs_z: { refused: 'use top_p or min_p', unless: isOne },
  mirostat: { refused: 'use temperature, top_p or min_p', unless: isZero },
  // These say how a refused one works.
  penalize_newline: 'dropped',
  mirostat_tau: 'dropped',
  mirostat_eta: 'dropped',
  // These say how a machine computes; the flags of this program do.
  num_keep: 'dropped',
  num_batch: 'dropped',
  num_gpu: 'dropped',
  main_gpu: 'dropped',
  num_thread: 'dropped',
  num_gqa: 'dropped',
  numa: 'dropped',
  low_vram: 'dropped',
  f16_kv: 'dropped',
  use_mmap: 'dropped',
  use_mlock: 'dropped',
  vocab_only: { refused: 'a model that has only its vocabulary answers nothing', unless: isFalse },
  draft_num_predict: 'dropped',
} as const satisfies FieldRules;
