import type { JSONValue, SharedV4ProviderMetadata } from '@ai-sdk/provider';

/** The provider's name, key of its options and metadata in the AI SDK. */
export const METADATA = 'ogong';

/**
 * Returns the findings of `createCheckedFetch` as metadata of a result.
 * @param body an answer, or the last chunk of a stream.
 */
export function readChecks(body: unknown): SharedV4ProviderMetadata | undefined {
  const checked = (body as { ogong?: { checked?: JSONValue } } | undefined)?.ogong?.checked;
  return checked === undefined ? undefined : { [METADATA]: { checked } };
}
