import type { ApiContext } from '../http/api-app.ts';

/** Names the fields of a request that were left out because they change no answer here. */
export const IGNORED_HEADER = 'x-ogong-ignored';
/** Says which limits of a request were lowered to what the model has. */
export const CLAMPED_HEADER = 'x-ogong-clamped';

/** Tells the client what was left out. */
export function showIgnored(context: ApiContext, dropped: readonly string[]): void {
  if (dropped.length > 0) context.header(IGNORED_HEADER, dropped.join(', '));
}

/** Tells the client by how much its limits were lowered. */
export function showClamped(context: ApiContext, limits: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(limits)) {
    context.header(CLAMPED_HEADER, `${name}=${value}`, { append: true });
  }
}
