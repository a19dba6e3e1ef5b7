import { concatBytes, equalBytes } from '@ogong/protocol/base/bytes';
import { nobleCrypto } from '@ogong/protocol/crypto/noble';
import { SEALED_BOX_KEY_BYTES, SEALED_BOX_OVERHEAD_BYTES, type SealedBox } from '@ogong/protocol/crypto/sealed-box';

const { sha256 } = nobleCrypto;

function pad(bytes: Uint8Array, length: number): Uint8Array {
  const padded = new Uint8Array(length);
  padded.set(bytes);
  return padded;
}

/** Names key, bound bytes, seed and text, so that a change of any of them shows. */
function head(key: Uint8Array, text: Uint8Array, bound: Uint8Array, seed: Uint8Array): Uint8Array {
  return pad(concatBytes(sha256(key), seed, sha256(key, bound, seed, text)), SEALED_BOX_OVERHEAD_BYTES);
}

/** Boxes that hide nothing and cost nothing. For tests and simulations only. */
export const fakeSealedBox: SealedBox = {
  deriveKey: (secret) => pad(sha256(secret), SEALED_BOX_KEY_BYTES),
  seal(key, text, { bound, seed }) {
    const isKey = key.length === SEALED_BOX_KEY_BYTES && key.subarray(32).every((byte) => byte === 0);
    return isKey ? concatBytes(head(key, text, bound, seed), text) : undefined;
  },
  open(secret, box, bound) {
    if (box.length < SEALED_BOX_OVERHEAD_BYTES) return undefined;
    const text = box.slice(SEALED_BOX_OVERHEAD_BYTES);
    const seed = box.slice(32, 96);
    const key = fakeSealedBox.deriveKey(secret);
    const isIntact = equalBytes(box.subarray(0, SEALED_BOX_OVERHEAD_BYTES), head(key, text, bound, seed));
    return isIntact ? text : undefined;
  },
};
