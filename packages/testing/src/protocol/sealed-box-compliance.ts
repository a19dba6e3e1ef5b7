import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { nobleCrypto } from '@ogong/protocol/crypto/noble';
import { SEALED_BOX_KEY_BYTES, SEALED_BOX_OVERHEAD_BYTES, type SealedBox } from '@ogong/protocol/crypto/sealed-box';
import { describe, expect, it } from 'vitest';

/** The vectors of draft-connolly-cfrg-xwing-kem: keys and ciphertexts by their SHA-256. */
const DRAFT = [
  {
    secret: '7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26',
    seed: '3cb1eea988004b93103cfb0aeefd2a686e01fa4a58e8a3639ca8a1e3f9ae57e235b8cc873c23dc62b8d260169afa2f75ab916a58d974918835d25e6a435085b2',
    key: '2e816deebcd76c5c80d0cd2d174478871658e8e2ff42bc9d4a6e486372e856bb',
    ciphertext: '17cd532d657e44c897ca6583e548a5424fc70bf54f99515a4d2bcf99e3469f33',
    shared: 'd2df0522128f09dd8e2c92b1e905c793d8f57a54c3da25861f10bf4ca613e384',
  },
  {
    secret: 'badfd6dfaac359a5efbb7bcc4b59d538df9a04302e10c8bc1cbf1a0b3a5120ea',
    seed: '17cda7cfad765f5623474d368ccca8af0007cd9f5e4c849f167a580b14aabdefaee7eef47cb0fca9767be1fda69419dfb927e9df07348b196691abaeb580b32d',
    key: 'c42ba5f8430d7d2c83739338203819f090e8303ce9c8b02107c272bfa5376916',
    ciphertext: '1661ea86d608a1924ba30840cb0a65f13ae051e3aec9cf0f064efc0bc92f2154',
    shared: 'f2e86241c64d60f6649fbc6c5b7d17180b780a3f34355e64a85749949c45f150',
  },
  {
    secret: 'ef58538b8d23f87732ea63b02b4fa0f4873360e2841928cd60dd4cee8cc0d4c9',
    seed: '22a96188d032675c8ac850933c7aff1533b94c834adbb69c6115bad4692d8619f90b0cdf8a7b9c264029ac185b70b83f2801f2f4b3f70c593ea3aeeb613a7f1b',
    key: '6b080d6b84f095342092fa7a22423e58bd681397ad0ef00eac92bd254db4fa95',
    ciphertext: 'd3ca5578500344b5896cffc4fd740c9311946b82951df155e6fd86a7966b43c6',
    shared: '953f7f4e8c5b5049bdc771d1dffada0dd961477d1a2ae0988baa7ea6898d893f',
  },
];

/** Tests that every implementation of `SealedBox` must pass. */
export function describeSealedBox(name: string, box: SealedBox): void {
  describe(`sealed boxes by ${name}`, () => {
    const secret = new Uint8Array(32).fill(5);
    const key = box.deriveKey(secret);
    const [text, bound] = [new Uint8Array([1, 2, 3]), new Uint8Array([9])];
    const seal = (byte: number) => box.seal(key, text, { bound, seed: new Uint8Array(64).fill(byte) }) as Uint8Array;

    it.each(DRAFT)('agrees with the draft on $secret', ({ secret: own, seed, ...expected }) => {
      const public_ = box.deriveKey(fromHex(own));
      expect(toHex(nobleCrypto.sha256(public_))).toBe(expected.key);
      const sealed = box.seal(public_, text, { bound, seed: fromHex(seed) }) as Uint8Array;
      expect(toHex(nobleCrypto.sha256(sealed.subarray(0, 1120)))).toBe(expected.ciphertext);
      const rest = chacha20poly1305(fromHex(expected.shared), new Uint8Array(12), bound).encrypt(text);
      expect(sealed.subarray(1120)).toEqual(rest);
    });

    it('opens a box sealed to it, with the same bound bytes', () => {
      expect(box.open(secret, seal(1), bound)).toEqual(text);
      expect(box.open(secret, seal(1), new Uint8Array([8]))).toBeUndefined();
      expect(box.open(new Uint8Array(32).fill(6), seal(1), bound)).toBeUndefined();
      expect(seal(1).length).toBe(text.length + SEALED_BOX_OVERHEAD_BYTES);
      expect(key.length).toBe(SEALED_BOX_KEY_BYTES);
    });

    it('makes the same box from the same seed, and another from another', () => {
      expect(seal(1)).toEqual(seal(1));
      expect(seal(2)).not.toEqual(seal(1));
    });

    it.each([0, 1_087, 1_100, 1_119, 1_121, 1_138])('does not open if byte %i is changed', (at) => {
      const changed = seal(1);
      changed[at] = (changed[at] as number) ^ 1;
      expect(box.open(secret, changed, bound)).toBeUndefined();
    });

    it('neither seals to a malformed key nor opens random bytes', () => {
      const seed = new Uint8Array(64);
      expect(box.seal(key.subarray(1), text, { bound, seed })).toBeUndefined();
      // Coefficients of ML-KEM's key above its modulus.
      expect(box.seal(new Uint8Array(SEALED_BOX_KEY_BYTES).fill(255), text, { bound, seed })).toBeUndefined();
      expect(box.open(secret, new Uint8Array(0), bound)).toBeUndefined();
      expect(box.open(secret, new Uint8Array(2_000), bound)).toBeUndefined();
    });
  });
}
