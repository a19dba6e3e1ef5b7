import { secp256k1 } from '@noble/curves/secp256k1.js';
import { describe, expect, it } from 'vitest';
import vectors from '../../vectors/eip712.json' with { type: 'json' };
import { concatBytes, fromHex, toHex } from '../base/bytes.ts';
import { createNobleLedgerSigner, nobleCrypto as crypto } from '../crypto/noble.ts';
import type { LedgerDomain } from './order.ts';
import { hashProviderPayee, signProviderPayee, verifyProviderPayee } from './provider-payee.ts';

const bytes = (hex: string): Uint8Array => fromHex(hex.slice(2));
const ledger: LedgerDomain = {
  chainId: BigInt(vectors.domain.chainId),
  verifyingContract: bytes(vectors.domain.escrow),
};

describe('what a payee signs', () => {
  it.each(vectors.payees)('hashes and signs as viem does: $name', ({ payee, providerId, digest, signature }) => {
    expect(`0x${toHex(hashProviderPayee(crypto, ledger, bytes(providerId)))}`).toBe(digest);
    const consent = { providerId: bytes(providerId), payee: bytes(payee), payeeSignature: bytes(signature) };
    expect(verifyProviderPayee(crypto, ledger, consent)).toBe(true);
    const settlement = { ...ledger, verifyingContract: bytes(vectors.domain.settlement) };
    expect(verifyProviderPayee(crypto, settlement, consent)).toBe(false);
    expect(verifyProviderPayee(crypto, { ...ledger, chainId: 1n }, consent)).toBe(false);
  });

  it('names one provider', () => {
    const [one, two] = vectors.payees.map(({ payee, providerId, signature }) => ({
      providerId: bytes(providerId),
      payee: bytes(payee),
      payeeSignature: bytes(signature),
    }));
    expect(verifyProviderPayee(crypto, ledger, { ...one!, providerId: two!.providerId })).toBe(false);
    expect(verifyProviderPayee(crypto, ledger, { ...one!, payee: two!.payee })).toBe(false);
  });

  it('has one form: no high s, no other v', () => {
    const signer = createNobleLedgerSigner(new Uint8Array(32).fill(5));
    const providerId = new Uint8Array(32).fill(6);
    const signature = signProviderPayee(crypto, signer, { ledger, providerId });
    const verify = (payeeSignature: Uint8Array) =>
      verifyProviderPayee(crypto, ledger, { providerId, payee: signer.address, payeeSignature });
    expect(verify(signature)).toBe(true);
    const s = BigInt(`0x${toHex(signature.subarray(32, 64))}`);
    const high = fromHex((secp256k1.Point.Fn.ORDER - s).toString(16).padStart(64, '0'));
    const v = signature[64] as number;
    expect(verify(concatBytes(signature.subarray(0, 32), high, Uint8Array.of(55 - v)))).toBe(false);
    for (const other of [0, 1, 55 - v, v + 8]) {
      expect(verify(concatBytes(signature.subarray(0, 64), Uint8Array.of(other)))).toBe(false);
    }
  });

  it('is nothing that the zero address can have signed', () => {
    const zero = new Uint8Array(20);
    const anybody = { ...crypto, recoverAddress: () => zero };
    const consent = { providerId: new Uint8Array(32), payee: zero, payeeSignature: new Uint8Array(65) };
    expect(verifyProviderPayee(anybody, ledger, consent)).toBe(false);
  });
});
