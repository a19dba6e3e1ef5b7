import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { ml_kem768_x25519 } from '@noble/post-quantum/hybrid.js';
import type { SealPrimitives } from './seal-primitives.ts';

const NONCE = new Uint8Array(12);
const ENCAPSULATION_SEED_BYTES = 64;

function attempt<T>(compute: () => T): T | undefined {
  try {
    return compute();
  } catch {
    // The library throws on malformed keys and capsules, and on a wrong tag.
    return undefined;
  }
}

/** Creates the implementation over the noble libraries. @param random as in SealPrimitives, the only source of randomness. */
export function createNobleSeal(random: SealPrimitives['random']): SealPrimitives {
  return {
    random,
    openKemKey: (secret) => ({
      publicKey: ml_kem768_x25519.keygen(secret).publicKey,
      decapsulate: (capsule) => attempt(() => ml_kem768_x25519.decapsulate(capsule, secret)),
    }),
    encapsulate: (publicKey) =>
      attempt(() => {
        const { cipherText, sharedSecret } = ml_kem768_x25519.encapsulate(publicKey, random(ENCAPSULATION_SEED_BYTES));
        return { capsule: cipherText, shared: sharedSecret };
      }),
    hmac(key, ...parts) {
      const state = hmac.create(sha256, key);
      for (const part of parts) state.update(part);
      return state.digest();
    },
    encrypt: (key, text) => chacha20poly1305(key, NONCE).encrypt(text),
    decrypt: (key, sealed) => attempt(() => chacha20poly1305(key, NONCE).decrypt(sealed)),
  };
}
