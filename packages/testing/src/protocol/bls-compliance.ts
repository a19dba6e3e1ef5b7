import { BLS_KEY_BYTES, BLS_ORDER, BLS_SIGNATURE_BYTES, type Bls } from '@ogong/protocol/crypto/bls';
import { computeLagrangeWeights, evaluatePolynomial } from '@ogong/protocol/crypto/bls-scalar';
import { describe, expect, it } from 'vitest';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

export interface BlsForms {
  /** Bytes of the right length that are no point, or a point outside the subgroup. */
  readonly badKeys: Readonly<Record<string, Uint8Array>>;
  readonly badSignatures: Readonly<Record<string, Uint8Array>>;
}

/** Tests that every implementation of `Bls` must pass. */
export function describeBls(name: string, bls: Bls, { badKeys, badSignatures }: BlsForms): void {
  describe(`BLS by ${name}`, () => {
    const secret = 0x1234567890abcdef1234567890abcdefn;
    const key = bls.deriveKey(secret);
    const message = utf8('one message');
    const signature = bls.sign(secret, message);

    it('verifies its own signatures, and nothing else', () => {
      expect(bls.verify(key, message, signature)).toBe(true);
      expect(bls.verify(key, utf8('another message'), signature)).toBe(false);
      expect(bls.verify(bls.deriveKey(secret + 1n), message, signature)).toBe(false);
      expect(bls.verify(key, message, bls.sign(secret + 1n, message))).toBe(false);
      expect([key.length, signature.length]).toEqual([BLS_KEY_BYTES, BLS_SIGNATURE_BYTES]);
    });

    it.each(Object.entries(badKeys))('refuses a key that is %s', (_, bad) => {
      expect(bls.decodeKeys([key, bad])).toBeUndefined();
      expect(bls.verify(bad, message, signature)).toBe(false);
    });

    it.each(Object.entries(badSignatures))('refuses a signature that is %s', (_, bad) => {
      expect(bls.verify(key, message, bad)).toBe(false);
      expect(bls.combineSignatures([signature, bad], [1n, 1n])).toBeUndefined();
    });

    it('refuses infinity as a key and as a signature', () => {
      const infinity = bls.deriveKey(0n);
      expect(bls.decodeKeys([infinity])).toBeUndefined();
      // The pairing of infinities holds for every message.
      const empty = new Uint8Array(BLS_SIGNATURE_BYTES);
      empty.set(infinity.subarray(0, 1));
      expect(bls.verify(infinity, message, empty)).toBe(false);
      expect(bls.combineSignatures([signature], [0n])).toBeUndefined();
    });

    it('evaluates a polynomial in the exponent, at places up to 16 bits', () => {
      const coefficients = [secret, 5n, BLS_ORDER - 3n];
      const keys = bls.decodeKeys(coefficients.map((one) => bls.deriveKey(one)));
      for (const at of [1, 7, 65_535]) {
        expect(bls.evaluateKeys(keys!, at)).toEqual(bls.deriveKey(evaluatePolynomial(coefficients, at)));
      }
      // x - 2 at 2.
      const atRoot = bls.decodeKeys([bls.deriveKey(BLS_ORDER - 2n), bls.deriveKey(1n)]);
      expect(bls.evaluateKeys(atRoot!, 2)).toEqual(bls.deriveKey(0n));
    });

    it('combines keys item by item, and signatures to that of the combined key', () => {
      const [a, b] = [11n, BLS_ORDER - 4n];
      const lists = [a, b].map((one) => bls.decodeKeys([bls.deriveKey(one), bls.deriveKey(one + 1n)])!);
      const combined = bls.combineKeys(lists, [3n, BLS_ORDER - 5n])!;
      expect(combined.bytes).toEqual([bls.deriveKey(33n + 20n), bls.deriveKey(36n + 15n)]);
      expect(bls.decodeKeys(combined.bytes)?.bytes).toEqual(combined.bytes);
      const parts = [bls.sign(a, message), bls.sign(b, message)];
      expect(bls.combineSignatures(parts, [3n, BLS_ORDER - 5n])).toEqual(bls.sign(53n, message));
      expect(bls.combineKeys(lists, [4n, a])).toBeUndefined();
    });

    it('makes one signature of any threshold of shares', () => {
      const polynomial = [secret, 77n, 1_000_003n];
      const whole = bls.sign(secret, message);
      for (const places of [
        [1, 2, 3],
        [4, 9, 2],
      ]) {
        const parts = places.map((at) => bls.sign(evaluatePolynomial(polynomial, at), message));
        expect(bls.combineSignatures(parts, computeLagrangeWeights(places))).toEqual(whole);
      }
    });
  });
}
