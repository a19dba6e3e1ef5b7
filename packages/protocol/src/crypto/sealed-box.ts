/**
 * Sealing to the holder of an X-Wing key (draft-connolly-cfrg-xwing-kem: ML-KEM-768 and X25519): a fresh shared secret for each box, which
 * is the key of one ChaCha20-Poly1305 with a zero nonce. Who records the box today and breaks X25519 later still has to break ML-KEM.
 */
export const SEALED_BOX_KEY_BYTES = 1216;
export const SEALED_BOX_SECRET_BYTES = 32;
/** Ciphertext of the key, then the tag of the text. */
export const SEALED_BOX_OVERHEAD_BYTES = 1120 + 16;
/** Randomness of one encapsulation. The same 64 bytes give the same box, so it can be made again. */
export const SEALED_BOX_SEED_BYTES = 64;

export interface SealedBox {
  /** @param secret 32 random bytes. @returns the public key. */
  deriveKey(secret: Uint8Array): Uint8Array;
  /** Undefined where the key is malformed. @param bound is no part of the box, but opens only with it. */
  seal(
    key: Uint8Array,
    text: Uint8Array,
    options: { readonly bound: Uint8Array; readonly seed: Uint8Array },
  ): Uint8Array | undefined;
  /** Undefined where the box was sealed to another key or with other bound bytes, or was changed. */
  open(secret: Uint8Array, box: Uint8Array, bound: Uint8Array): Uint8Array | undefined;
}
