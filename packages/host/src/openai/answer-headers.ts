import type { ApiContext } from '../http/api-app.ts';

/** Names the fields of a request that were left out because they change no answer here. */
export const IGNORED_HEADER = 'x-ogong-ignored';
/** Names the limits of a request that were lowered to those of the model. */
export const CLAMPED_HEADER = 'x-ogong-clamped';

/** Characters of the list. Clients and proxies limit all headers together to 8 KiB or more. */
const MAX_LIST = 2_000;

/** Adds ignored fields to the list for the client. Names are the client's own text, so they are cut to what a header can hold. */
export function showIgnored(context: ApiContext, dropped: readonly string[]): void {
  if (dropped.length === 0) return;
  const shown = context.res.headers.get(IGNORED_HEADER)?.split(', ') ?? [];
  context.header(IGNORED_HEADER, formatNames([...shown, ...dropped]));
}

function formatNames(names: readonly string[]): string {
  const distinct = [...new Set(names.map((name) => name.replace(/[^\x21-\x2b\x2d-\x7e]/g, '?')))];
  let list = '';
  for (const [i, name] of distinct.entries()) {
    const longer = list === '' ? name : `${list}, ${name}`;
    if (longer.length > MAX_LIST) return `${list}, and ${distinct.length - i} more`;
    list = longer;
  }
  return list;
}

/** Shows the client its lowered limits. */
export function showClamped(context: ApiContext, limits: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(limits)) {
    context.header(CLAMPED_HEADER, `${name}=${value}`, { append: true });
  }
}
