import type { JSONObject, SharedV4ProviderOptions } from '@ai-sdk/provider';
import { METADATA } from './metadata.ts';

/** Fields that OpenAI's API lacks (docs/spec/request.md). */
const FIELDS = [
  ...[
    'exact',
    'model_root',
    'settle',
    'sort',
    'max_price',
    'tier',
    'accept',
    'providers',
    'attested',
    'seal_suite',
    'grammar',
    'hedge',
    'standby',
  ],
  'sealed',
];

export type OgongOptions = JSONObject;

/** Splits `providerOptions.ogong` into the fields of the body's own `ogong` (undefined if there are none) and the rest. */
export function splitOptions(given: SharedV4ProviderOptions = {}): {
  readonly fields: OgongOptions | undefined;
  readonly rest: SharedV4ProviderOptions;
} {
  const entries = Object.entries(given[METADATA] ?? {});
  const fields = entries.filter(([name]) => FIELDS.includes(name));
  const rest = entries.filter(([name]) => !FIELDS.includes(name));
  return {
    fields: fields.length > 0 ? (Object.fromEntries(fields) as OgongOptions) : undefined,
    rest: { ...given, [METADATA]: Object.fromEntries(rest) },
  };
}

/** A fetch that adds the fields to each body. */
export function addFields(fetch: typeof globalThis.fetch, fields: OgongOptions | undefined): typeof globalThis.fetch {
  if (fields === undefined) return fetch;
  return (input, init) =>
    fetch(input, { ...init, body: JSON.stringify({ ...JSON.parse(String(init?.body)), ogong: fields }) });
}
