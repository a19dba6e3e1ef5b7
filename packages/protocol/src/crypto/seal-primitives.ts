/**
 * The primitives of sealing, besides hashes and signatures (docs/spec/sealing.md). The protocol chooses no implementation:
 * daemons pass one over node:crypto, browsers and tests the one in `noble-seal.ts`. No function throws on hostile input.
 */
export interface SealPrimitives {
  /** Returns unpredictable bytes. */
  random(length: number): Uint8Array;
  /** X-Wing (ML-KEM-768 and X25519). @param secret 32 random bytes. */
  openKemKey(secret: Uint8Array): KemKey;
  /** Creates a fresh shared secret for the holder of a key; undefined for a malformed key. */
  encapsulate(publicKey: Uint8Array): Encapsulated | undefined;
  /** HMAC-SHA-256 of the concatenation of the parts. */
  hmac(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array;
  /** Encrypts with ChaCha20-Poly1305, nonce zero and no bound bytes. A key encrypts one text. */
  encrypt(key: Uint8Array, text: Uint8Array): Uint8Array;
  /** Returns undefined if the tag is wrong. */
  decrypt(key: Uint8Array, sealed: Uint8Array): Uint8Array | undefined;
}

export interface KemKey {
  /** 1,216 bytes. */
  readonly publicKey: Uint8Array;
  /** Computes the shared secret; undefined for a malformed capsule. A capsule for another key gives another secret. */
  decapsulate(capsule: Uint8Array): Uint8Array | undefined;
}

export interface Encapsulated {
  /** 1,120 bytes, from which the holder of the key computes the shared secret. */
  readonly capsule: Uint8Array;
  /** 32 bytes. */
  readonly shared: Uint8Array;
}

export const KEM_KEY_BYTES = 1_216;
export const CAPSULE_BYTES = 1_120;
export const AEAD_TAG_BYTES = 16;
