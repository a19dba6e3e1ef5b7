import { randomBytes } from 'node:crypto';
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { MemoryStoreError } from '../store/memory-store-error.ts';

export const KEY_BYTES = 32;
const NONCE_BYTES = 24;
const TAG_BYTES = 16;

/** The place of a sealed value. A value that is moved to another place does not open there (docs/spec/memory-rows.md#places). */
export interface SealedPlace {
  /** Such as `memory`, or `memory-key` for the key of a memory. */
  readonly kind: string;
  /** Random id of the user; empty for the vault. */
  readonly userId: string;
  /** Empty where the user has one value of the kind. */
  readonly id: string;
}

/** Associated data. Kinds, users and ids have no slash. */
export const encodePlace = ({ kind, userId, id }: SealedPlace): Uint8Array =>
  utf8Encode(`ogong-memory-v1/${kind}/${userId}/${id}`);

export const drawSealKey = (): Uint8Array => new Uint8Array(randomBytes(KEY_BYTES));

/** @param key 32 bytes. @param nonce 24 bytes, drawn for this value. @returns nonce, ciphertext and a tag of 16 bytes. */
export function sealValue(
  key: Uint8Array,
  place: SealedPlace,
  value: Uint8Array,
  nonce: Uint8Array = randomBytes(NONCE_BYTES),
): Uint8Array {
  const sealed = new Uint8Array(NONCE_BYTES + value.length + TAG_BYTES);
  sealed.set(nonce);
  sealed.set(xchacha20poly1305(key, nonce, encodePlace(place)).encrypt(value), NONCE_BYTES);
  return sealed;
}

/** @throws MemoryStoreError `damaged` if the value was sealed under another key, for another place, or changed. */
export function openValue(key: Uint8Array, place: SealedPlace, sealed: Uint8Array): Uint8Array {
  try {
    const nonce = sealed.subarray(0, NONCE_BYTES);
    return xchacha20poly1305(key, nonce, encodePlace(place)).decrypt(sealed.subarray(NONCE_BYTES));
  } catch (cause) {
    const name = `${place.kind} ${place.id}`.trim();
    throw new MemoryStoreError('damaged', `the sealed row of the ${name} does not open: it was changed or moved`, {
      cause,
    });
  }
}
