import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import { ed25519, x25519 } from '@noble/curves/ed25519.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { nodeSeal } from './node-seal.ts';

/**
 * Fields of a JSON document that are sealed one by one, as deployed confidential endpoints do it: ephemeral ECDH, HKDF-SHA256 without salt, AES-256-GCM.
 * On the wire a field is hex(ephemeral public key || 12 bytes of nonce || ciphertext || 16 bytes of tag).
 */
export interface FieldSuite {
  readonly curve: 'x25519' | 'secp256k1';
  /** Of HKDF. */
  readonly info: string;
  /** Associated data; nothing if the format has none. */
  readonly aad?: string | undefined;
}

export class FieldSealError extends Error {
  override readonly name = 'FieldSealError';
}

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Bytes from which a secret of secp256k1 is made without bias. */
const SEED_BYTES = 48;
const KEY_BYTES = { x25519: 32, secp256k1: 65 } as const;
const CIPHER = 'aes-256-gcm';

/** @param recipient X25519: 32 bytes; secp256k1: 65 bytes, uncompressed. @throws FieldSealError if it is no key */
export function sealField({ curve, info, aad }: FieldSuite, recipient: Uint8Array, plain: Uint8Array): string {
  const { secret, point } = createPair(curve);
  const nonce = nodeSeal.random(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, deriveKey(agree(curve, secret, recipient), info), nonce);
  if (aad !== undefined) cipher.setAAD(Buffer.from(aad));
  const sealed = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([point, nonce, sealed, cipher.getAuthTag()]).toString('hex');
}

/** @param secret 32 bytes. @throws FieldSealError if it was not sealed to this key, under these data */
export function openField({ curve, info, aad }: FieldSuite, secret: Uint8Array, field: string): Uint8Array {
  const least = KEY_BYTES[curve] + NONCE_BYTES + TAG_BYTES;
  if (!/^(?:[0-9a-f]{2})+$/i.test(field) || field.length < 2 * least)
    throw new FieldSealError('a sealed field is hex of key, nonce, ciphertext and tag');
  const bytes = fromHex(field.toLowerCase());
  const point = bytes.subarray(0, KEY_BYTES[curve]);
  const nonce = bytes.subarray(point.length, point.length + NONCE_BYTES);
  const decipher = createDecipheriv(CIPHER, deriveKey(agree(curve, secret, point), info), nonce, {
    authTagLength: TAG_BYTES,
  });
  if (aad !== undefined) decipher.setAAD(Buffer.from(aad));
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  try {
    const sealed = bytes.subarray(point.length + NONCE_BYTES, -TAG_BYTES);
    return new Uint8Array(Buffer.concat([decipher.update(sealed), decipher.final()]));
  } catch (cause) {
    throw new FieldSealError('a sealed field does not open', { cause });
  }
}

/** The keys that an Ed25519 seed gives for X25519, as deployed clients derive them. */
export const toExchangeSecret = (seed: Uint8Array): Uint8Array => ed25519.utils.toMontgomerySecret(seed);

/** @throws FieldSealError if it is no key of Ed25519 */
export function toExchangeKey(publicKey: Uint8Array): Uint8Array {
  try {
    return ed25519.utils.toMontgomery(publicKey);
  } catch (cause) {
    throw new FieldSealError('this is no key of Ed25519', { cause });
  }
}

/** Uncompressed, 65 bytes. */
export const deriveCurveKey = (secret: Uint8Array): Uint8Array => secp256k1.getPublicKey(secret, false);

function createPair(curve: FieldSuite['curve']): { readonly secret: Uint8Array; readonly point: Uint8Array } {
  if (curve === 'x25519') {
    const secret = nodeSeal.random(KEY_BYTES.x25519);
    return { secret, point: x25519.getPublicKey(secret) };
  }
  const secret = secp256k1.utils.randomSecretKey(nodeSeal.random(SEED_BYTES));
  return { secret, point: secp256k1.getPublicKey(secret, false) };
}

/** The shared secret: the output of X25519, or the x-coordinate. */
function agree(curve: FieldSuite['curve'], secret: Uint8Array, point: Uint8Array): Uint8Array {
  try {
    return curve === 'x25519'
      ? x25519.getSharedSecret(secret, point)
      : secp256k1.getSharedSecret(secret, point, true).slice(1);
  } catch (cause) {
    throw new FieldSealError(`${toHex(point.subarray(0, 8))}... is no key of ${curve}`, { cause });
  }
}

const deriveKey = (shared: Uint8Array, info: string): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', shared, new Uint8Array(), info, 32));
