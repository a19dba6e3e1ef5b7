import { createHash } from 'node:crypto';
import type { Crypto } from '@ogong/protocol/crypto/crypto';

/** SHA-256 of OpenSSL, for blocks of a mebibyte. */
export const nodeSha256: Pick<Crypto, 'sha256'> = {
  sha256(...parts) {
    const hash = createHash('sha256');
    for (const part of parts) hash.update(part);
    return new Uint8Array(hash.digest());
  },
};
