import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { describe, expect, it } from 'vitest';
import { nodeCrypto } from './node-crypto.ts';
import { rememberChecked } from './remember-checked.ts';
import { createNodeHybridSigner, createNodeLedgerSigner } from './signers.ts';

const hybrid = createNodeHybridSigner(new Uint8Array(64).fill(7));
const account = createNodeLedgerSigner(new Uint8Array(32).fill(7));
const message = new TextEncoder().encode('a record');
const digest = nodeCrypto.sha256(message);
const signature = hybrid.sign(message);

/** Counts calls of the primitives. */
function createCounted(kept?: number) {
  const asked: string[] = [];
  const count = <K extends 'verifyEd25519' | 'verifyMlDsa44' | 'recoverAddress'>(name: K): Crypto[K] =>
    ((...given: Parameters<Crypto[K]>) => {
      asked.push(name);
      return (nodeCrypto[name] as (...all: unknown[]) => unknown)(...given);
    }) as Crypto[K];
  const crypto = rememberChecked(
    {
      ...nodeCrypto,
      ...{ verifyEd25519: count('verifyEd25519'), verifyMlDsa44: count('verifyMlDsa44') },
      recoverAddress: count('recoverAddress'),
    },
    kept,
  );
  return { asked, crypto };
}

/** Every triple of the primitives, by the name that it has here. */
const CHECKS: readonly (readonly [
  string,
  readonly [Uint8Array, Uint8Array, Uint8Array],
  'verifyEd25519' | 'verifyMlDsa44',
])[] = [
  ['Ed25519', [signature.slice(0, 64), message, hybrid.publicKey.slice(0, 32)], 'verifyEd25519'],
  ['ML-DSA-44', [signature.slice(64), message, hybrid.publicKey.slice(32)], 'verifyMlDsa44'],
];

describe('a signature that was good', () => {
  it.each(CHECKS)(
    'of %s is checked once, and one byte of signature, message or key more is another one',
    (_name, triple, kind) => {
      const { asked, crypto } = createCounted();
      for (let i = 0; i < 3; i++) expect(crypto[kind](...triple)).toBe(true);
      expect(asked).toEqual([kind]);
      for (const place of [0, 1, 2]) {
        const bent = triple.map((part, i) => (i === place ? part.with(0, (part[0] as number) ^ 1) : part));
        for (let i = 0; i < 2; i++) expect(crypto[kind](...(bent as [Uint8Array, Uint8Array, Uint8Array]))).toBe(false);
      }
      // Refused signatures are checked each time.
      expect(asked).toHaveLength(7);
      const [s, m, k] = triple;
      // The same bytes, cut in another place.
      expect(crypto[kind](s, m.subarray(1), new Uint8Array([...k, m[0] as number]))).toBe(false);
      expect(crypto[kind](...triple)).toBe(true);
    },
  );

  it('of an account names the same account, even if a caller changes the returned bytes', () => {
    const { asked, crypto } = createCounted();
    const signed = account.signDigest(digest);
    crypto.recoverAddress(digest, signed)?.fill(0);
    expect(crypto.recoverAddress(digest, signed)).toEqual(account.address);
    expect(crypto.verifyAddress(digest, signed, account.address)).toBe(true);
    expect(crypto.verifyAddress(digest, signed, new Uint8Array(20))).toBe(false);
    expect(asked).toEqual(['recoverAddress']);
    expect(crypto.recoverAddress(digest, signed.with(64, 99))).toBeUndefined();
    expect(crypto.recoverAddress(digest, signed.with(64, 99))).toBeUndefined();
    expect(asked).toHaveLength(3);
  });

  it('is forgotten after many others, unless it is used again', () => {
    const { asked, crypto } = createCounted(8);
    const random = createSeededRandom(3);
    const signed = account.signDigest(digest);
    for (let i = 0; i < 40; i++) {
      const other = Uint8Array.from({ length: 32 }, () => Math.floor(random() * 256));
      crypto.recoverAddress(other, account.signDigest(other));
      if (i < 20) crypto.recoverAddress(digest, signed);
    }
    expect(asked).toHaveLength(41);
    crypto.recoverAddress(digest, signed);
    expect(asked).toHaveLength(42);
  });
});
