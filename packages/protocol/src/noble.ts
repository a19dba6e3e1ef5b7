import { ed25519 } from '@noble/curves/ed25519.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { ml_dsa44 } from '@noble/post-quantum/ml-dsa.js';
import { concatBytes } from './bytes.ts';
import type { Crypto, HybridSigner, LedgerSigner } from './crypto.ts';

function attempt(verify: () => boolean): boolean {
  try {
    return verify();
  } catch {
    // Malformed keys and signatures throw in the library; for a verifier they are simply not valid.
    return false;
  }
}

function hashParts(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return sha256(parts[0] as Uint8Array);
  const hash = sha256.create();
  for (const part of parts) hash.update(part);
  return hash.digest();
}

function toAddress(point: Uint8Array): Uint8Array {
  return keccak_256(point.subarray(1)).slice(12);
}

/** The implementation over the audited noble libraries: browsers, and the reference for every other one. */
export const nobleCrypto: Crypto = {
  sha256: (...parts) => hashParts(parts),
  keccak256: (data) => keccak_256(data),
  // ZIP-215 accepts small-order keys and with them forged signatures: always strict.
  verifyEd25519: (signature, message, publicKey) =>
    attempt(() => ed25519.verify(signature, message, publicKey, { zip215: false })),
  verifyMlDsa44: (signature, message, publicKey) => attempt(() => ml_dsa44.verify(signature, message, publicKey)),
  recoverAddress(digest, signature) {
    const v = signature[64];
    if (digest.length !== 32 || signature.length !== 65 || (v !== 27 && v !== 28)) return undefined;
    try {
      const parsed = secp256k1.Signature.fromBytes(signature.subarray(0, 64)).addRecoveryBit(v - 27);
      if (parsed.hasHighS()) return undefined;
      return toAddress(parsed.recoverPublicKey(digest).toBytes(false));
    } catch {
      return undefined;
    }
  },
};

/** @param seed 64 bytes: Ed25519 seed (32) || ML-DSA-44 seed (32). */
export function createNobleHybridSigner(seed: Uint8Array): HybridSigner {
  const edSeed = seed.slice(0, 32);
  const mlDsa = ml_dsa44.keygen(seed.slice(32, 64));
  return {
    publicKey: concatBytes(ed25519.getPublicKey(edSeed), mlDsa.publicKey),
    sign: (message) => concatBytes(ed25519.sign(message, edSeed), ml_dsa44.sign(message, mlDsa.secretKey)),
  };
}

/** @param privateKey 32 bytes, a valid secp256k1 scalar. */
export function createNobleLedgerSigner(privateKey: Uint8Array): LedgerSigner {
  const key = privateKey.slice();
  return {
    address: toAddress(secp256k1.getPublicKey(key, false)),
    signDigest(digest) {
      const signature = secp256k1.sign(digest, key, { prehash: false, format: 'recovered', lowS: true });
      // noble puts the recovery bit first; Ethereum wants r || s || v.
      return concatBytes(signature.subarray(1), Uint8Array.of(27 + (signature[0] as number)));
    },
  };
}
