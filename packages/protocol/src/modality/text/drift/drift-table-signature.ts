import type { Crypto } from '../../../crypto/crypto.ts';

/** What the next table's `previous` and the chain hold: SHA-256 of the exact bytes. */
export function hashDriftTable(crypto: Pick<Crypto, 'sha256'>, bytes: Uint8Array): Uint8Array {
  return crypto.sha256(bytes);
}
