import { createHmac, createSecretKey } from 'node:crypto';

/** 16 bytes that stand for a holder of a key with one provider. */
export type NameCacheScope = (keyId: string, providerId: Uint8Array) => Uint8Array;

/**
 * The time to the first token reveals whether a provider has the beginning of a prompt in its cache. So holders of different
 * keys, who share this gateway and its payer, get different scopes. A provider learns nothing about the key from a scope.
 * Scopes differ between providers, and change when this process restarts.
 *
 * @param secret At least 32 bytes, never stored.
 */
export function createCacheScopes(secret: Uint8Array): NameCacheScope {
  // From bytes Node makes a key object each time, after two errors that it throws and catches.
  const key = createSecretKey(secret);
  return (keyId, providerId) => {
    const name = createHmac('sha256', key).update(providerId).update(keyId).digest();
    return new Uint8Array(name.subarray(0, 16));
  };
}
