/**
 * Key size of a box sealed to the holder of an X-Wing key (draft-connolly-cfrg-xwing-kem: ML-KEM-768 and X25519). Each box has
 * a fresh shared secret, which is the key of one ChaCha20-Poly1305 with a zero nonce. An attacker that records the box today
 * and breaks X25519 later still has to break ML-KEM.
 */
export const SEALED_BOX_KEY_BYTES = 1216;
/** Bytes that a box adds: the ciphertext of the key, then the tag of the text. */
export const SEALED_BOX_OVERHEAD_BYTES = 1120 + 16;

export interface SealedBox {
  /** @param secret 32 random bytes. @returns the public key. */
  deriveKey(secret: Uint8Array): Uint8Array;
  /**
   * Seals a text; undefined for a malformed key.
   * @param bound bytes that are no part of the box. It opens only with the same bytes.
   * @param seed 64 random bytes; equal seeds give equal boxes.
   */
  seal(
    key: Uint8Array,
    text: Uint8Array,
    options: { readonly bound: Uint8Array; readonly seed: Uint8Array },
  ): Uint8Array | undefined;
  /** Opens a box; undefined if it was sealed to another key or with other bound bytes, or was changed. */
  open(secret: Uint8Array, box: Uint8Array, bound: Uint8Array): Uint8Array | undefined;
}
