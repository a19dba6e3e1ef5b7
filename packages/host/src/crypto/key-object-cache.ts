import { createPublicKey, type KeyObject } from 'node:crypto';

/**
 * Parses raw public keys once: decoding an ML-DSA key costs as much as verifying with it. Least recently used keys leave first, so that
 * strangers cannot make the cache grow.
 * @param spkiPrefix DER before the raw key in a SubjectPublicKeyInfo.
 * @param isAcceptable keys that fail it are never parsed.
 */
export function createKeyObjectCache(
  spkiPrefix: Uint8Array,
  isAcceptable: (publicKey: Uint8Array) => boolean,
  capacity = 4096,
): (publicKey: Uint8Array) => KeyObject | undefined {
  const keys = new Map<string, KeyObject>();

  return (publicKey) => {
    const name = Buffer.from(publicKey.buffer, publicKey.byteOffset, publicKey.byteLength).toString('latin1');
    const known = keys.get(name);
    if (known) {
      keys.delete(name);
      keys.set(name, known);
      return known;
    }
    if (!isAcceptable(publicKey)) return undefined;
    const key = createPublicKey({ key: Buffer.concat([spkiPrefix, publicKey]), format: 'der', type: 'spki' });
    keys.set(name, key);
    if (keys.size > capacity) keys.delete(keys.keys().next().value as string);
    return key;
  };
}
