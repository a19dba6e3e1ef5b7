import { createHash, hash, type KeyObject, verify } from 'node:crypto';
import { concatBytes } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { nobleCrypto } from '@ogong/protocol/crypto/noble';
import { quickCrypto } from '@ogong/protocol/crypto/quick-noble';
import { isSmallOrder } from '@ogong/protocol/crypto/small-order';
import { isAcceptableEd25519Key } from './ed25519-key.ts';
import { createKeyObjectCache } from './key-object-cache.ts';
import { ledgerCrypto } from './ledger/ledger-crypto.ts';
import { verifyBls as verifyBlsNatively } from './verify-bls.ts';

const ED25519_SIGNATURE_BYTES = 64;
const ED25519_POINT_BYTES = 32;
const ML_DSA_44_KEY_BYTES = 1312;
const ML_DSA_44_SIGNATURE_BYTES = 2420;

const ed25519Keys = createKeyObjectCache(Buffer.from('302a300506032b6570032100', 'hex'), isAcceptableEd25519Key);
const mlDsa44Keys = createKeyObjectCache(
  Buffer.from('30820532300b06096086480165030403110382052100', 'hex'),
  (publicKey) => publicKey.length === ML_DSA_44_KEY_BYTES,
);

type KeyLookup = (publicKey: Uint8Array) => KeyObject | undefined;

function verifyWith(lookup: KeyLookup, publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    const key = lookup(publicKey);
    return key !== undefined && verify(null, message, key, signature);
  } catch {
    // OpenSSL throws on keys that are no point or polynomial. A signature under such a key is invalid.
    return false;
  }
}

/**
 * The protocol's primitives over OpenSSL, for daemons. Ed25519 is the cofactorless equation with canonical encodings,
 * S < L, neither key nor R of small order. OpenSSL lacks the rest: Keccak runs in WebAssembly, the VRF is noble's,
 * secp256k1 is libsecp256k1's.
 */
export const nodeCrypto: Crypto = {
  sha256(...parts) {
    if (parts.length === 1) return hashOnce(parts[0] as Uint8Array);
    if (parts.reduce((sum, { length }) => sum + length, 0) <= COPIED) return hashOnce(concatBytes(...parts));
    const digest = createHash('sha256');
    for (const part of parts) digest.update(part);
    return toPlainBytes(digest.digest());
  },
  keccak256: quickCrypto.keccak256,
  verifyEd25519: (signature, message, publicKey) =>
    signature.length === ED25519_SIGNATURE_BYTES &&
    !isSmallOrder(signature.subarray(0, ED25519_POINT_BYTES)) &&
    verifyWith(ed25519Keys, publicKey, message, signature),
  verifyMlDsa44: (signature, message, publicKey) =>
    signature.length === ML_DSA_44_SIGNATURE_BYTES && verifyWith(mlDsa44Keys, publicKey, message, signature),
  recoverAddress: ledgerCrypto.recoverAddress,
  verifyAddress: ledgerCrypto.verifyAddress,
  verifyVrf: nobleCrypto.verifyVrf,
  verifyBls: verifyBlsNatively,
};

/** Up to this size, copying is cheaper than creating a hash object. */
const COPIED = 4096;
const DIGEST_BYTES = 32;

/** Every draw is such a hash. Output as a string takes half the time of output as a Buffer. */
function hashOnce(message: Uint8Array): Uint8Array {
  const text = hash('sha256', message, 'binary');
  const digest = new Uint8Array(DIGEST_BYTES);
  for (let i = 0; i < DIGEST_BYTES; i++) digest[i] = text.charCodeAt(i);
  return digest;
}

/** A Buffer compares, slices and serialises differently from the Uint8Array that the protocol promises. */
export function toPlainBytes(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}
