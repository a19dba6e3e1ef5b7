import { randomBytes } from 'node:crypto';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { nodeSeal } from '@ogong/host/crypto/node-seal';
import { concatBytes, equalBytes } from '@ogong/protocol/base/bytes';
import type { Crypto, HybridSigner, LedgerSigner } from '@ogong/protocol/crypto/crypto';
import { createNobleSeal } from '@ogong/protocol/crypto/noble-seal';
import { fakeBls } from '@ogong/testing/protocol/fake-bls';
import { drawBytes } from './draws.ts';

const ED25519 = { key: 32, signature: 64 };
const ML_DSA_44 = { key: 1312, signature: 2420 };
const KEPT = 16_384;

const real: Crypto = { ...nodeCrypto };

/** A text that names its parts, stretched to the size of a signature. */
function nameParts(size: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const digest = real.sha256(...parts);
  const stretched = new Uint8Array(size);
  for (let i = 0; i < size; i += digest.length) stretched.set(digest.subarray(0, Math.min(digest.length, size - i)), i);
  return stretched;
}

const nameOf = (part: Uint8Array): string =>
  Buffer.from(part.buffer, part.byteOffset, part.byteLength).toString('latin1');

/** Caches results for all machines, because they check the same data again. */
function remember<A extends readonly Uint8Array[], R>(compute: (...parts: A) => R): (...parts: A) => R {
  const known = new Map<string, R>();
  return (...parts) => {
    const name = parts.length === 1 ? nameOf(parts[0] as Uint8Array) : parts.map(nameOf).join(' ');
    const before = known.get(name);
    if (before !== undefined || known.has(name)) return before as R;
    if (known.size >= KEPT) known.clear();
    const output = compute(...parts);
    known.set(name, output);
    return output;
  };
}

/** Caches hashes and returns copies, because callers may change the bytes. */
function rememberHash(compute: Crypto['keccak256']): Crypto['keccak256'] {
  const remembered = remember(compute);
  return (data) => remembered(data).slice();
}

/**
 * Signatures that name their signer and message. They are as good as real ones, because no machine of the simulation forges them,
 * and hundreds of times as fast. They are the same in each run, unlike hedged ML-DSA signatures. Hashes and the random function are
 * real.
 */
const cheap: Partial<Crypto> = {
  // Shards sign rows by real keys, which they make at their start.
  verifyEd25519: (signature, message, publicKey) =>
    equalBytes(signature, nameParts(ED25519.signature, publicKey, message)) ||
    real.verifyEd25519(signature, message, publicKey),
  verifyMlDsa44: (signature, message, publicKey) =>
    equalBytes(signature, nameParts(ML_DSA_44.signature, publicKey, message)),
  recoverAddress: (digest, signature) =>
    signature.length === 65 && equalBytes(signature.subarray(20, 52), digest) ? signature.slice(0, 20) : undefined,
  verifyAddress: (digest, signature, address) =>
    signature.length === 65 &&
    equalBytes(signature.subarray(0, 20), address) &&
    equalBytes(signature.subarray(20, 52), digest),
  keccak256: rememberHash(real.keccak256),
  verifyVrf: remember(real.verifyVrf),
  verifyBls: fakeBls.verify,
};

/** Installs cheap signatures for the whole process, also for code that imports the daemons' primitives directly. */
export function useCheapCrypto(): Crypto {
  // OpenSSL draws its own randomness, so a run would not be repeatable.
  Object.assign(
    nodeSeal,
    createNobleSeal((length) => new Uint8Array(randomBytes(length))),
  );
  return Object.assign(nodeCrypto, cheap);
}

export function createCheapLedgerSigner(seed: number, name: string): LedgerSigner {
  const address = drawBytes(seed, `address of ${name}`, 20);
  return { address, signDigest: (digest) => concatBytes(address, digest, Uint8Array.of(...Array(12).fill(0), 27)) };
}

export function createCheapHybridSigner(seed: number, name: string): HybridSigner {
  const ed25519 = drawBytes(seed, `ed25519 key of ${name}`, ED25519.key);
  const mlDsa44 = drawBytes(seed, `ml-dsa key of ${name}`, ML_DSA_44.key);
  return {
    publicKey: concatBytes(ed25519, mlDsa44),
    sign: (message) =>
      concatBytes(nameParts(ED25519.signature, ed25519, message), nameParts(ML_DSA_44.signature, mlDsa44, message)),
  };
}
