/**
 * Sealing to the holder of an X-Wing key (draft-connolly-cfrg-xwing-kem: ML-KEM-768 and X25519): a fresh shared secret for each box, which
 * is the key of one ChaCha20-Poly1305 with a zero nonce. Who records the box today and breaks X25519 later still has to break ML-KEM.
 */
export const SEALED_BOX_KEY_BYTES = 1216;
/** Ciphertext of the key, then the tag of the text. */
export const SEALED_BOX_OVERHEAD_BYTES = 1120 + 16;

export interface SealedBox {
  /** @param secret 32 random bytes. @returns the public key. */
  deriveKey(secret: Uint8Array): Uint8Array;
  /**
   * Undefined where the key is malformed.
   * @param bound is no part of the box, but it opens only with it. @param seed 64 random bytes; the same give the same box.
   */
  seal(
    key: Uint8Array,
    text: Uint8Array,
    options: { readonly bound: Uint8Array; readonly seed: Uint8Array },
  ): Uint8Array | undefined;
  /** Undefined where the box was sealed to another key or with other bound bytes, or was changed. */
  open(secret: Uint8Array, box: Uint8Array, bound: Uint8Array): Uint8Array | undefined;
}
