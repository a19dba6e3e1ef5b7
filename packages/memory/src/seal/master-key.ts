import { createHmac, hkdfSync } from 'node:crypto';
import { Secret } from '@ogong/host/crypto/secret';
import { toHex } from '@ogong/protocol/base/bytes';
import { KEY_BYTES } from './sealed-box.ts';

/** The two keys that a master key gives. */
export interface MasterKey {
  /** Wraps the keys of users, 32 bytes. */
  readonly wrapping: Secret<Uint8Array>;
  /** @returns 64 hex digits; equal names have equal hashes under one master key. */
  hashName(name: string): string;
}

const derive = (secret: Uint8Array, use: string): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', secret, '', `ogong-memory-v1 ${use}`, KEY_BYTES));

/** @param secret 32 bytes, such as those of a key file. @throws TypeError on another length. */
export function deriveMasterKey(secret: Secret<Uint8Array>): MasterKey {
  const bytes = secret.reveal();
  if (bytes.length !== KEY_BYTES) throw new TypeError(`a master key of ${bytes.length} bytes; it has ${KEY_BYTES}`);
  const naming = derive(bytes, 'names');
  return {
    wrapping: new Secret(derive(bytes, 'wrapping')),
    hashName: (name) => hashUnder(naming, name),
  };
}

/** HMAC-SHA256 of a name in UTF-8, 64 hex digits. */
export const hashUnder = (key: Uint8Array, name: string): string =>
  toHex(new Uint8Array(createHmac('sha256', key).update(name, 'utf8').digest()));
