import type { Crypto } from './crypto.ts';

/**
 * Hybrid signatures: both schemes must verify, so a forger has to break both. Public key: Ed25519 (32) || ML-DSA-44 (1312).
 * Signature: Ed25519 (64) || ML-DSA-44 (2420). Source: whitepaper 7.2.
 */
export const ED25519_KEY_BYTES = 32;
export const ED25519_SIGNATURE_BYTES = 64;
export const HYBRID_PUBLIC_KEY_BYTES = 1344;
export const HYBRID_SIGNATURE_BYTES = 2484;

export interface HybridSignature {
  readonly publicKey: Uint8Array;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

/** Verifies both signatures. It returns false for anything but a well-formed pair of valid signatures, and never throws. */
export function verifyHybrid(crypto: Crypto, { publicKey, message, signature }: HybridSignature): boolean {
  if (publicKey.length !== HYBRID_PUBLIC_KEY_BYTES || signature.length !== HYBRID_SIGNATURE_BYTES) return false;
  return (
    crypto.verifyEd25519(
      signature.subarray(0, ED25519_SIGNATURE_BYTES),
      message,
      publicKey.subarray(0, ED25519_KEY_BYTES),
    ) &&
    crypto.verifyMlDsa44(signature.subarray(ED25519_SIGNATURE_BYTES), message, publicKey.subarray(ED25519_KEY_BYTES))
  );
}

/** Computes the 32-byte identity of a hybrid key: SHA-256 of its 1,344 bytes. */
export function hashHybridKey(crypto: Crypto, publicKey: Uint8Array): Uint8Array {
  return crypto.sha256(publicKey);
}
