import type { FieldRules } from '@ogong/protocol/modality/shared/field-rules';

const shared = {
  model: 'works',
  keep_alive: 'works',
  // Known options are taken: a vector depends on none of them.
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
