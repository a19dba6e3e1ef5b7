import type { ApiContext } from '../http/api-app.ts';

/** Names the fields of a request that were left out because they change no answer here. */
export const IGNORED_HEADER = 'x-ogong-ignored';
/** Names the limits of a request that were lowered to those of the model. */
export const CLAMPED_HEADER = 'x-ogong-clamped';

/** Lists the ignored fields for the client. */
export function showIgnored(context: ApiContext, dropped: readonly string[]): void {
  if (dropped.length > 0) context.header(IGNORED_HEADER, dropped.join(', '), { append: true });
}

/** Shows the client its lowered limits. */
export function showClamped(context: ApiContext, limits: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(limits)) {
    context.header(CLAMPED_HEADER, `${name}=${value}`, { append: true });
  }
}
