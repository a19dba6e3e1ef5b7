import { toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';

/**
 * Computes each answer once, for tests that check the same signatures and proofs in many cases. Other bytes are another
 * question, so damaged input is really checked.
 */
export function rememberCrypto(crypto: Crypto): Crypto {
  const remember = <A extends readonly Uint8Array[], R>(compute: (...parts: A) => R) => {
    const known = new Map<string, R>();
    return (...parts: A): R => {
      const key = parts.map(toHex).join();
      if (!known.has(key)) known.set(key, compute(...parts));
      return known.get(key) as R;
    };
  };
  return {
    ...crypto,
    verifyEd25519: remember(crypto.verifyEd25519),
    verifyMlDsa44: remember(crypto.verifyMlDsa44),
    recoverAddress: remember(crypto.recoverAddress),
    verifyAddress: remember(crypto.verifyAddress),
    verifyVrf: remember(crypto.verifyVrf),
  };
}
