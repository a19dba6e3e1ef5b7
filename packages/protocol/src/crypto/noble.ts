import { ed25519 } from '@noble/curves/ed25519.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { sha256, sha512 } from '@noble/hashes/sha2.js';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { ml_dsa44 } from '@noble/post-quantum/ml-dsa.js';
import { concatBytes, equalBytes } from '../base/bytes.ts';
import type { Crypto, Ed25519Signer, HybridSigner, LedgerSigner } from './crypto.ts';
import { recoverPoint, toAddress } from './ledger-signature.ts';
import { nobleBls } from './noble-bls.ts';
import { isSmallOrder } from './small-order.ts';
import { verifyVrf } from './vrf.ts';

function attempt(verify: () => boolean): boolean {
  try {
    return verify();
  } catch {
    // The library throws on malformed keys and signatures. For a verifier they are simply invalid.
    return false;
  }
}

const fresh = sha256.create();
const hasher = sha256.create();

/** Hashes with one shared hasher. Every draw is a hash, and creating a hasher takes as long as hashing. */
function hashParts(parts: readonly Uint8Array[]): Uint8Array {
  fresh._cloneInto(hasher);
  for (const part of parts) hasher.update(part);
  const digest = new Uint8Array(sha256.outputLen);
  hasher.digestInto(digest);
  return digest;
}

/**
 * Verifies RFC 8032 by the equation without cofactor, as OpenSSL does: R = sB - kA, compared as bytes. Neither A nor R may have
 * small order (docs/spec/bytes.md). The library's own check multiplies by the cofactor, even when strict. So it accepts
 * signatures with a small-order part that daemons refuse. A verdict must not depend on the implementation.
 */
function verifyStrictly(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
  if (signature.length !== 64) return false;
  const r = signature.subarray(0, 32);
  if (isSmallOrder(publicKey) || isSmallOrder(r)) return false;
  const point = ed25519.Point.fromBytes(publicKey, false);
  const s = toScalar(signature.subarray(32));
  const order = ed25519.Point.Fn.ORDER;
  if (s >= order) return false;
  const k = toScalar(sha512(concatBytes(r, publicKey, message))) % order;
  const expected = ed25519.Point.BASE.multiplyUnsafe(s).subtract(point.multiplyUnsafe(k));
  return equalBytes(expected.toBytes(), r);
}

/** Reads a scalar from little-endian bytes. */
function toScalar(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i] as number);
  return value;
}

function recoverAddress(digest: Uint8Array, signature: Uint8Array): Uint8Array | undefined {
  const point = recoverPoint(digest, signature);
  return point && toAddress(point);
}

/** The implementation over the audited noble libraries: browsers, and the reference for every other one. */
export const nobleCrypto: Crypto = {
  sha256: (...parts) => hashParts(parts),
  keccak256: (data) => keccak_256(data),
  verifyEd25519: (signature, message, publicKey) => attempt(() => verifyStrictly(signature, message, publicKey)),
  verifyMlDsa44: (signature, message, publicKey) => attempt(() => ml_dsa44.verify(signature, message, publicKey)),
  recoverAddress,
  verifyAddress(digest, signature, address) {
    const signer = recoverAddress(digest, signature);
    return signer !== undefined && equalBytes(signer, address);
  },
  verifyVrf,
  verifyBls: nobleBls.verify,
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

/**
 * @param seed 32 bytes, RFC 8032.
 * @internal until providers serve slabs: tests and vectors use it
 */
export function createNobleEd25519Signer(seed: Uint8Array): Ed25519Signer {
  const key = seed.slice();
  return { publicKey: ed25519.getPublicKey(key), sign: (message) => ed25519.sign(message, key) };
}

/** @param privateKey 32 bytes, a valid secp256k1 scalar. */
export function createNobleLedgerSigner(privateKey: Uint8Array): LedgerSigner {
  const key = privateKey.slice();
  return {
    address: toAddress(secp256k1.Point.fromBytes(secp256k1.getPublicKey(key))),
    signDigest(digest) {
      const signature = secp256k1.sign(digest, key, { prehash: false, format: 'recovered', lowS: true });
      // noble puts the recovery bit first; Ethereum wants r || s || v.
      return concatBytes(signature.subarray(1), Uint8Array.of(27 + (signature[0] as number)));
    },
  };
}
