import { concatBytes, equalBytes } from '@ogong/protocol/base/bytes';
import type { LedgerSigner } from '@ogong/protocol/crypto/crypto';
import { parseLedgerSignature } from '@ogong/protocol/crypto/ledger-signature';
import { nobleCrypto } from '@ogong/protocol/crypto/noble';
import { pointFromScalar, recover, signRecoverable } from 'tiny-secp256k1';

/**
 * Signatures of accounts by libsecp256k1 as WebAssembly. They take a fifth of the time of JavaScript. Bytes and decisions equal those of
 * noble, the reference (docs/adr/dependencies.md). OpenSSL signs no bare digest and recovers no key.
 */

/** Ethereum address of a public key of 65 bytes. */
const toAddress = (key: Uint8Array): Uint8Array => nobleCrypto.keccak256(key.subarray(1)).slice(12);

/** @returns undefined unless s is low, v is 27 or 28, and there is such a key. */
export function recoverAddress(digest: Uint8Array, signature: Uint8Array): Uint8Array | undefined {
  const parsed = parseLedgerSignature(signature);
  if (digest.length !== 32 || parsed === undefined) return undefined;
  try {
    const key = recover(digest, signature.subarray(0, 64), parsed.isOdd ? 1 : 0, false);
    return key === null ? undefined : toAddress(key);
  } catch (error) {
    // No point has r as its x, or the key would be the point at infinity. Any other error is a fault of the library, and no verdict about a signature.
    if (error instanceof TypeError && error.message === 'Expected Signature') return undefined;
    throw error;
  }
}

export function verifyAddress(digest: Uint8Array, signature: Uint8Array, address: Uint8Array): boolean {
  const signer = recoverAddress(digest, signature);
  return signer !== undefined && equalBytes(signer, address);
}

/** @param privateKey 32 bytes, a valid secp256k1 scalar. Nonces are those of RFC 6979. */
export function createLedgerSigner(privateKey: Uint8Array): LedgerSigner {
  const key = Uint8Array.from(privateKey);
  const point = pointFromScalar(key, false);
  if (point === null) throw new RangeError('a private key of secp256k1 is a number below its order, and not 0');
  return {
    address: toAddress(point),
    signDigest(digest) {
      const { signature, recoveryId } = signRecoverable(digest, key);
      return concatBytes(signature, Uint8Array.of(27 + recoveryId));
    },
  };
}
