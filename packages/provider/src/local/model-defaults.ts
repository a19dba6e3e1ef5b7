import type { ModelDefaults } from '@ogong/models/store';

/** A model's own system message stands where the client sends none. */
export function withDefaults<M extends { readonly role: unknown }>(
  messages: readonly M[],
  defaults: ModelDefaults | undefined,
): readonly (M | { role: string; content: string })[] {
  const hasSystem = messages[0]?.role === 'system';
  const told = defaults?.system === undefined || hasSystem ? [] : [{ role: 'system', content: defaults.system }];
  return [...told, ...(defaults?.messages ?? []), ...messages];
}
