import { createHmac } from 'node:crypto';

/** 16 bytes that stand for a holder of a key with one provider. */
export type NameCacheScope = (keyId: string, providerId: Uint8Array) => Uint8Array;

/**
 * By how soon an answer begins one could tell whether a provider has its prompt's beginning in the cache, so that those who
 * share this gateway, and its payer, are told apart. What a provider sees says nothing of the key, differs from provider
 * to provider, and ends with this process.
 *
 * @param secret At least 32 bytes, never stored.
 */
export function createCacheScopes(secret: Uint8Array): NameCacheScope {
  return (keyId, providerId) => {
    const name = createHmac('sha256', secret).update(providerId).update(keyId).digest();
    return new Uint8Array(name.subarray(0, 16));
  };
}
