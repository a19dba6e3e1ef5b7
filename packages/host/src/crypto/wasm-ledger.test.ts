import { secp256k1 } from '@noble/curves/secp256k1.js';
import { concatBytes, fromHex, toHex } from '@ogong/protocol/base/bytes';
import { createNobleLedgerSigner, nobleCrypto } from '@ogong/protocol/crypto/noble';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLedgerSigner, recoverAddress, verifyAddress } from './wasm-ledger.ts';

const { Point } = secp256k1;
const { Fn } = Point;
const ORDER = Fn.ORDER;
const word = (value: bigint): Uint8Array => fromHex(value.toString(16).padStart(64, '0'));
const read = (bytes: Uint8Array): bigint => BigInt(`0x${toHex(bytes)}`);
const digestOf = (seed: number): Uint8Array => nobleCrypto.sha256(word(BigInt(seed)));
const signerOf = (seed: number) => createNobleLedgerSigner(word(BigInt(seed) + 1n));
const alice = signerOf(0);
const bob = signerOf(1);

/** Ways to spoil a signature; each may leave it valid for somebody else. */
const changes: Readonly<Record<string, (signature: Uint8Array, noise: Uint8Array) => Uint8Array>> = {
  none: (signature) => signature,
  'other v': (signature) => concatBytes(signature.subarray(0, 64), Uint8Array.of(55 - (signature[64] as number))),
  'v without 27': (signature) => concatBytes(signature.subarray(0, 64), Uint8Array.of((signature[64] as number) - 27)),
  'v of an overflow': (signature) =>
    concatBytes(signature.subarray(0, 64), Uint8Array.of((signature[64] as number) + 2)),
  'high s': (signature) =>
    concatBytes(
      signature.subarray(0, 32),
      word(ORDER - read(signature.subarray(32, 64))),
      Uint8Array.of(55 - (signature[64] as number)),
    ),
  'r beyond the order': (signature) => concatBytes(word(ORDER + 1n), signature.subarray(32)),
  'r of zero': (signature) => concatBytes(word(0n), signature.subarray(32)),
  's of zero': (signature) => concatBytes(signature.subarray(0, 32), word(0n), signature.subarray(64)),
  's of the order': (signature) => concatBytes(signature.subarray(0, 32), word(ORDER), signature.subarray(64)),
  'other r': (signature, noise) => concatBytes(noise, signature.subarray(32)),
  'other s': (signature, noise) => concatBytes(signature.subarray(0, 32), noise, signature.subarray(64)),
  short: (signature) => signature.subarray(0, 64),
  long: (signature) => concatBytes(signature, Uint8Array.of(27)),
};

describe('signatures of accounts', () => {
  it('hold where noble says so, and nowhere else', () => {
    const noise = fc.uint8Array({ minLength: 32, maxLength: 32 });
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.values(changes)),
        fc.integer({ min: 0, max: 1000 }),
        fc.constantFrom(0, 1),
        fc.constantFrom(alice, bob),
        fc.constantFrom(alice, bob),
        noise,
        (change, seed, shift, signer, claimed, other) => {
          const signature = change(signer.signDigest(digestOf(seed)), other);
          const digest = digestOf(seed + shift);
          const expected = nobleCrypto.recoverAddress(digest, signature);
          const holds = expected !== undefined && toHex(expected) === toHex(claimed.address);
          expect(verifyAddress(digest, signature, claimed.address)).toBe(holds);
          expect(recoverAddress(digest, signature)).toEqual(expected);
        },
      ),
      { numRuns: 400, seed: 20 },
    );
  });

  it('are refused if they are spoilt', () => {
    const digest = digestOf(7);
    const signature = alice.signDigest(digest);
    for (const [name, change] of Object.entries(changes)) {
      expect(verifyAddress(digest, change(signature, digestOf(8)), alice.address), name).toBe(name === 'none');
    }
    expect(verifyAddress(digestOf(8), signature, alice.address)).toBe(false);
    expect(verifyAddress(digest, signature, bob.address)).toBe(false);
    expect(verifyAddress(digest.subarray(1), signature, alice.address)).toBe(false);
    expect(verifyAddress(digest, signature, alice.address)).toBe(true);
  });

  it('takes a digest at or beyond the order, and of zero, as recovery does', () => {
    for (const digest of [word(0n), word(ORDER), word(ORDER + 5n), new Uint8Array(32).fill(255)]) {
      const signature = alice.signDigest(digest);
      expect(nobleCrypto.recoverAddress(digest, signature)).toEqual(alice.address);
      expect(verifyAddress(digest, signature, alice.address)).toBe(true);
    }
  });

  it('refuses a signature whose point is at infinity', () => {
    // With h = -r d the sum h G + r Q vanishes for every s.
    const key = 1n;
    const r = read(alice.signDigest(digestOf(3)).subarray(0, 32));
    const digest = word(Fn.create(-r * key));
    const signature = concatBytes(word(r), word(5n), Uint8Array.of(27));
    expect(nobleCrypto.verifyAddress(digest, signature, alice.address)).toBe(false);
    expect(verifyAddress(digest, signature, alice.address)).toBe(false);
  });

  it('are the bytes that noble signs', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 1n, max: ORDER - 1n }),
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        (key, digest) => {
          const [own, reference] = [createLedgerSigner(word(key)), createNobleLedgerSigner(word(key))];
          expect(own.address).toEqual(reference.address);
          expect(own.signDigest(digest)).toEqual(reference.signDigest(digest));
        },
      ),
      { numRuns: 100, seed: 21 },
    );
  });

  it.each([0n, ORDER, ORDER + 1n])('are made by no key of %s', (key) => {
    expect(() => createLedgerSigner(word(key))).toThrow();
  });
});
