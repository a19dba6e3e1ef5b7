import { readFileSync } from 'node:fs';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { nobleCrypto } from '@ogong/protocol/crypto/noble';
import { createNobleSeal } from '@ogong/protocol/crypto/noble-seal';
import { CAPSULE_BYTES, KEM_KEY_BYTES, type SealPrimitives } from '@ogong/protocol/crypto/seal-primitives';
import { describe, expect, it } from 'vitest';

interface SealVectors {
  readonly xwing: readonly Readonly<Record<'secret' | 'keyHash' | 'capsule' | 'shared', string>>[];
  readonly hmac: readonly Readonly<Record<'key' | 'data' | 'tag', string>>[];
  readonly aead: readonly Readonly<Record<'key' | 'text' | 'sealed', string>>[];
}

const readVectors = (): SealVectors =>
  JSON.parse(readFileSync(new URL('../../../protocol/vectors/sealing.json', import.meta.url), 'utf8')) as SealVectors;

/** Tests that every implementation of `SealPrimitives` must pass. */
export function describeSeal(name: string, seal: SealPrimitives): void {
  describe(`primitives of sealing by ${name}`, () => {
    const vectors = readVectors();
    const noble = createNobleSeal((length) => new Uint8Array(length).fill(7));
    const secret = new Uint8Array(32).fill(5);
    const own = seal.openKemKey(secret);

    it.each(vectors.xwing)('finds the shared secret of the draft with $secret', ({ secret: given, ...expected }) => {
      const key = seal.openKemKey(fromHex(given));
      expect(toHex(nobleCrypto.sha256(key.publicKey))).toBe(expected.keyHash);
      expect(toHex(key.decapsulate(fromHex(expected.capsule)) as Uint8Array)).toBe(expected.shared);
    });

    it.each(vectors.hmac)('makes the HMAC of $data', ({ key, data, tag }) => {
      expect(toHex(seal.hmac(fromHex(key), fromHex(data)))).toBe(tag);
      expect(toHex(seal.hmac(fromHex(key), fromHex(data.slice(0, 2)), fromHex(data.slice(2))))).toBe(tag);
    });

    it.each(vectors.aead)('encrypts $text', ({ key, text, sealed }) => {
      expect(toHex(seal.encrypt(fromHex(key), fromHex(text)))).toBe(sealed);
      expect(toHex(seal.decrypt(fromHex(key), fromHex(sealed)) as Uint8Array)).toBe(text);
    });

    it('encapsulates for a key of this library and of the other one', () => {
      const mine = seal.encapsulate(own.publicKey);
      expect(mine && noble.openKemKey(secret).decapsulate(mine.capsule)).toEqual(mine?.shared);
      const other = noble.encapsulate(own.publicKey);
      expect(other && own.decapsulate(other.capsule)).toEqual(other?.shared);
      expect(own.publicKey.length).toBe(KEM_KEY_BYTES);
      expect(mine?.capsule.length).toBe(CAPSULE_BYTES);
    });

    it.each([0, 500, 1_087, 1_088, 1_119])('finds another secret if byte %i of the capsule is changed', (at) => {
      const { capsule, shared } = noble.encapsulate(own.publicKey) as { capsule: Uint8Array; shared: Uint8Array };
      const changed = capsule.slice();
      changed[at] = (changed[at] as number) ^ 1;
      expect(own.decapsulate(changed)).not.toEqual(shared);
    });

    it('refuses a malformed key, capsule or text', () => {
      expect(seal.encapsulate(own.publicKey.subarray(1))).toBeUndefined();
      // Coefficients of ML-KEM's key above its modulus.
      expect(seal.encapsulate(new Uint8Array(KEM_KEY_BYTES).fill(255))).toBeUndefined();
      expect(own.decapsulate(new Uint8Array(CAPSULE_BYTES - 1))).toBeUndefined();
      expect(own.decapsulate(new Uint8Array(0))).toBeUndefined();
      expect(seal.decrypt(secret, new Uint8Array(15))).toBeUndefined();
      expect(seal.decrypt(secret, new Uint8Array(40))).toBeUndefined();
    });

    it('encrypts an empty text, and finds a flipped bit anywhere', () => {
      const sealed = seal.encrypt(secret, new Uint8Array([1, 2, 3]));
      expect(seal.decrypt(secret, seal.encrypt(secret, new Uint8Array()))).toEqual(new Uint8Array());
      for (let at = 0; at < sealed.length; at++) {
        const changed = sealed.slice();
        changed[at] = (changed[at] as number) ^ 0x10;
        expect(seal.decrypt(secret, changed)).toBeUndefined();
      }
    });

    it('draws the requested number of bytes, and different ones each time', () => {
      expect(seal.random(32).length).toBe(32);
      expect(seal.random(32)).not.toEqual(seal.random(32));
    });
  });
}
