import { type FieldRules, OTHERS } from '@ogong/protocol/modality/shared/field-rules';

const shared = {
  model: 'works',
  keep_alive: 'works',
  options: 'works',
} as const satisfies FieldRules;

export const EMBED_RULES = {
  ...shared,
  input: 'works',
  truncate: 'works',
  dimensions: 'works',
} as const satisfies FieldRules;

/** Rules of the older /api/embeddings. */
export const EMBEDDINGS_RULES = {
  ...shared,
  prompt: 'works',
  input: { refused: 'this endpoint reads prompt; /api/embed reads input' },
} as const satisfies FieldRules;

/** Rules of the options of both. */
export const EMBED_OPTION_RULES = {
  num_ctx: 'works',
  [OTHERS]: { dropped: 'no vector depends on it' },
} as const satisfies FieldRules;
