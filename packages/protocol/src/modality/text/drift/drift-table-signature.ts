import type { Crypto } from '../../../crypto/crypto.ts';

/** Computes the hash of a table that the next table's `previous` and the chain contain: SHA-256 of the exact bytes. */
export function hashDriftTable(crypto: Pick<Crypto, 'sha256'>, bytes: Uint8Array): Uint8Array {
  return crypto.sha256(bytes);
}
