/**
 * What sealing needs besides hashes and signatures (docs/spec/sealing.md). The protocol chooses no implementation: daemons pass one over
 * node:crypto, browsers and tests the one in `noble-seal.ts`. None throws on hostile input.
 */
export interface SealPrimitives {
  /** Bytes that nobody can guess. */
  random(length: number): Uint8Array;
  /** X-Wing (ML-KEM-768 and X25519). @param secret 32 random bytes. */
  openKemKey(secret: Uint8Array): KemKey;
  /** A fresh shared secret for the holder of a key; undefined where the key is malformed. */
  encapsulate(publicKey: Uint8Array): Encapsulated | undefined;
  /** HMAC-SHA-256 of the concatenation of the parts. */
  hmac(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array;
  /** ChaCha20-Poly1305 with nonce zero and no bound bytes: a key encrypts one text. */
  encrypt(key: Uint8Array, text: Uint8Array): Uint8Array;
  /** Undefined where the tag does not fit. */
  decrypt(key: Uint8Array, sealed: Uint8Array): Uint8Array | undefined;
}

export interface KemKey {
  /** 1,216 bytes. */
  readonly publicKey: Uint8Array;
  /** The shared secret; undefined where the capsule is malformed. One that was made for another key gives another secret. */
  decapsulate(capsule: Uint8Array): Uint8Array | undefined;
}

export interface Encapsulated {
  /** 1,120 bytes: who holds the key finds the shared secret by them. */
  readonly capsule: Uint8Array;
  /** 32 bytes. */
  readonly shared: Uint8Array;
}

export const KEM_KEY_BYTES = 1_216;
export const CAPSULE_BYTES = 1_120;
export const AEAD_TAG_BYTES = 16;
