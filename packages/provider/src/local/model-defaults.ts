import type { ModelDefaults } from '@ogong/models/store';

/** A model's own system message stands if the client sends none. */
export function withDefaults<M extends { readonly role: unknown }>(
  messages: readonly M[],
  defaults: ModelDefaults | undefined,
): readonly (M | { role: string; content: string })[] {
  const told = messages[0]?.role === 'system' ? messages.slice(0, 1) : [];
  const own = told.length > 0 || defaults?.system === undefined ? [] : [{ role: 'system', content: defaults.system }];
  return [...told, ...own, ...(defaults?.messages ?? []), ...messages.slice(told.length)];
}
