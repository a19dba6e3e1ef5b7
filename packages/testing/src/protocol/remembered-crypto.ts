import { toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';

/**
 * The same answers, each computed once: for tests that check the same signatures and proofs in one case after another. Other
 * bytes are another question, so what a test damages is checked for real.
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
