import { secp256k1 } from '@noble/curves/secp256k1.js';
import { describe, expect, it } from 'vitest';
import vectors from '../../vectors/eip712.json' with { type: 'json' };
import { concatBytes, createWriter, fromHex, toHex } from '../base/bytes.ts';
import { createNobleLedgerSigner, nobleCrypto as crypto } from '../crypto/noble.ts';
import type { LedgerDomain } from './order.ts';
import { hashProviderPayee, readPayeeStatement, signProviderPayee, verifyProviderPayee } from './provider-payee.ts';

const WORD_UNTIL_MS = 4_000_000_000_000;

const bytes = (hex: string): Uint8Array => fromHex(hex.slice(2));
const toWord = (validUntilMs: number, signature: string): Uint8Array =>
  concatBytes(createWriter().u64(BigInt(validUntilMs)).finish(), bytes(signature));
const ledger: LedgerDomain = {
  chainId: BigInt(vectors.domain.chainId),
  verifyingContract: bytes(vectors.domain.escrow),
};

describe("a payee's statement", () => {
  it.each(vectors.payees)(
    'hashes and signs as viem does: $name',
    ({ payee, validUntilMs, digest, signature, ...vector }) => {
      const providerId = bytes(vector.providerId);
      expect(`0x${toHex(hashProviderPayee(crypto, ledger, { providerId, validUntilMs }))}`).toBe(digest);
      const payeeWord = toWord(validUntilMs, signature);
      expect(readPayeeStatement(payeeWord)).toEqual({ validUntilMs, signature: bytes(signature) });
      const consent = { providerId, payee: bytes(payee), payeeWord, untilMs: validUntilMs };
      expect(verifyProviderPayee(crypto, ledger, consent)).toBe(true);
      const settlement = { ...ledger, verifyingContract: bytes(vectors.domain.settlement) };
      expect(verifyProviderPayee(crypto, settlement, consent)).toBe(false);
      expect(verifyProviderPayee(crypto, { ...ledger, chainId: 1n }, consent)).toBe(false);
    },
  );

  it.each(vectors.payees)('ends at its date, which only the payee can change: $name', (vector) => {
    const { validUntilMs, signature } = vector;
    const consent = { providerId: bytes(vector.providerId), payee: bytes(vector.payee) };
    const verify = (payeeWord: Uint8Array, untilMs: number) =>
      verifyProviderPayee(crypto, ledger, { ...consent, payeeWord, untilMs });
    const word = toWord(validUntilMs, signature);
    expect(verify(word, validUntilMs - 86_400_000)).toBe(true);
    expect(verify(word, validUntilMs + 1)).toBe(false);
    expect(verify(toWord(validUntilMs + 2, signature), validUntilMs + 1)).toBe(false);
    const beyond = concatBytes(new Uint8Array(8).fill(0xff), bytes(signature));
    expect([readPayeeStatement(beyond), verify(beyond, 0)]).toEqual([undefined, false]);
  });

  it('names one provider', () => {
    const [one, two] = vectors.payees.map(({ payee, providerId, validUntilMs, signature }) => ({
      ...{ providerId: bytes(providerId), payee: bytes(payee) },
      ...{ payeeWord: toWord(validUntilMs, signature), untilMs: 0 },
    }));
    expect(verifyProviderPayee(crypto, ledger, one!)).toBe(true);
    expect(verifyProviderPayee(crypto, ledger, { ...one!, providerId: two!.providerId })).toBe(false);
    expect(verifyProviderPayee(crypto, ledger, { ...one!, payee: two!.payee })).toBe(false);
  });

  it('has one form: no high s, no other v', () => {
    const signer = createNobleLedgerSigner(new Uint8Array(32).fill(5));
    const providerId = new Uint8Array(32).fill(6);
    const word = signProviderPayee(crypto, signer, { validUntilMs: WORD_UNTIL_MS, ledger, providerId });
    const signature = word.subarray(8);
    const verify = (changed: Uint8Array) => {
      const payeeWord = concatBytes(word.subarray(0, 8), changed);
      return verifyProviderPayee(crypto, ledger, { providerId, payee: signer.address, payeeWord, untilMs: 0 });
    };
    expect(verify(signature)).toBe(true);
    const s = BigInt(`0x${toHex(signature.subarray(32, 64))}`);
    const high = fromHex((secp256k1.Point.Fn.ORDER - s).toString(16).padStart(64, '0'));
    const v = signature[64] as number;
    expect(verify(concatBytes(signature.subarray(0, 32), high, Uint8Array.of(55 - v)))).toBe(false);
    for (const other of [0, 1, 55 - v, v + 8]) {
      expect(verify(concatBytes(signature.subarray(0, 64), Uint8Array.of(other)))).toBe(false);
    }
  });

  it('is never accepted for the zero address', () => {
    const zero = new Uint8Array(20);
    const anybody = { ...crypto, recoverAddress: () => zero };
    const consent = { providerId: new Uint8Array(32), payee: zero, payeeWord: new Uint8Array(73), untilMs: 0 };
    expect(verifyProviderPayee(anybody, ledger, consent)).toBe(false);
  });
});
