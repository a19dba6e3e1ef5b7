import { secp256k1 } from '@noble/curves/secp256k1.js';
import { concatBytes, fromHex, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { createNobleLedgerSigner, nobleCrypto } from '@ogong/protocol/crypto/noble';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLedgerCrypto } from './ledger-crypto.ts';
import { openNativeLibrary } from './native-library.ts';
import { openWasmLibrary } from './wasm-library.ts';

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

/** Platforms for which the native package brings a build. Elsewhere WebAssembly alone is tested. */
const hasBuild = ['linux-x64', 'darwin-arm64', 'win32-x64'].includes(`${process.platform}-${process.arch}`);
const native = openNativeLibrary();
const LIBRARIES = {
  wasm: createLedgerCrypto(openWasmLibrary()),
  ...(native !== undefined && { native: createLedgerCrypto(native) }),
};

it.runIf(hasBuild)('signatures of accounts run natively on a platform that has a build', () => {
  expect(Object.keys(LIBRARIES)).toContain('native');
});

describe.each(Object.entries(LIBRARIES))('signatures of accounts, %s', (_name, ledger) => {
  const { createSigner, recoverAddress, verifyAddress } = ledger;

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
          const [own, reference] = [createSigner(word(key)), createNobleLedgerSigner(word(key))];
          expect(own.address).toEqual(reference.address);
          expect(own.signDigest(digest)).toEqual(reference.signDigest(digest));
        },
      ),
      { numRuns: 100, seed: 21 },
    );
  });

  it('equal the published example of RFC 6979 for the key 1', () => {
    const digest = nobleCrypto.sha256(utf8Encode('Satoshi Nakamoto'));
    expect(toHex(createSigner(word(1n)).signDigest(digest).subarray(0, 64))).toBe(
      '934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d82442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5',
    );
  });

  it.each([0n, ORDER, ORDER + 1n])('are made by no key of %s', (key) => {
    expect(() => createSigner(word(key))).toThrow(RangeError);
  });

  it.each([0, 31, 33])('are made by no key of %i bytes, and over no digest of as many', (length) => {
    expect(() => createSigner(new Uint8Array(length).fill(1))).toThrow(RangeError);
    expect(() => createSigner(word(1n)).signDigest(new Uint8Array(length))).toThrow();
    expect(recoverAddress(new Uint8Array(length), alice.signDigest(digestOf(7)))).toBeUndefined();
  });

  it('keep their key when the caller overwrites its own copy', () => {
    const key = word(5n);
    const signer = createSigner(key);
    key.fill(0);
    expect(signer.signDigest(digestOf(1))).toEqual(createNobleLedgerSigner(word(5n)).signDigest(digestOf(1)));
  });
});
