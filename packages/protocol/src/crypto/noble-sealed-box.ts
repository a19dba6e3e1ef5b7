import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { ml_kem768_x25519 } from '@noble/post-quantum/hybrid.js';
import { concatBytes } from '../base/bytes.ts';
import type { SealedBox } from './sealed-box.ts';

const CIPHERTEXT_BYTES = 1120;
/** The nonce. A key seals one text, so it can be constant. */
const NONCE = new Uint8Array(12);

/** The implementation over the noble libraries. */
export const nobleSealedBox: SealedBox = {
  deriveKey: (secret) => ml_kem768_x25519.keygen(secret).publicKey,
  seal(key, text, { bound, seed }) {
    try {
      const { cipherText, sharedSecret } = ml_kem768_x25519.encapsulate(key, seed);
      return concatBytes(cipherText, chacha20poly1305(sharedSecret, NONCE, bound).encrypt(text));
    } catch {
      return undefined;
    }
  },
  open(secret, box, bound) {
    try {
      const shared = ml_kem768_x25519.decapsulate(box.subarray(0, CIPHERTEXT_BYTES), secret);
      return chacha20poly1305(shared, NONCE, bound).decrypt(box.subarray(CIPHERTEXT_BYTES));
    } catch {
      return undefined;
    }
  },
};
