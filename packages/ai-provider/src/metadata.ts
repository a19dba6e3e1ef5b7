import type { JSONValue, SharedV4ProviderMetadata } from '@ai-sdk/provider';

/** The provider's name, by which the AI SDK files its options and what it says of a result. */
export const METADATA = 'ogong';

/**
 * What `createCheckedFetch` found, as metadata of a result.
 * @param body an answer, or the last chunk of a stream.
 */
export function readChecks(body: unknown): SharedV4ProviderMetadata | undefined {
  const checked = (body as { ogong?: { checked?: JSONValue } } | undefined)?.ogong?.checked;
  return checked === undefined ? undefined : { [METADATA]: { checked } };
}
