import { describe, expect, it } from 'vitest';
import vectors from '../../vectors/verifier.json' with { type: 'json' };
import { fromHex, toHex } from '../base/bytes.ts';
import { createNobleLedgerSigner, nobleCrypto as crypto } from '../crypto/noble.ts';
import { encodeDelivery, hashDelivery, openDelivery, parseDelivery } from './delivery.ts';
import { hashHeld, verifyHeld } from './held-delivery.ts';

const vector = vectors.delivery;
const ledger = { chainId: BigInt(vector.chainId), verifyingContract: fromHex(vector.escrow) };
const fields = {
  orderHash: fromHex(vector.orderHash),
  recordHash: fromHex(vector.recordHash),
  promptTokenCount: vector.promptTokens,
  outputTokenCount: vector.outputTokens,
  epoch: BigInt(vector.epoch),
};
const signed = { delivery: fromHex(vector.delivery), signature: fromHex(vector.signature) };
const payer = fromHex(vector.payer);

describe("a payer's delivery statement", () => {
  it('has the bytes and the digest of the vector', () => {
    expect(toHex(encodeDelivery(fields))).toBe(vector.delivery);
    expect(toHex(hashDelivery(crypto, ledger, fields))).toBe(vector.digest);
    expect(openDelivery(crypto, { ledger, payer }, signed)).toEqual(fields);
  });

  it.each<[string, Parameters<typeof openDelivery>[1], typeof signed]>([
    ['of another payer', { ledger, payer: new Uint8Array(20).fill(1) }, signed],
    ['on another chain', { ledger: { ...ledger, chainId: 1n }, payer }, signed],
    ['under another escrow', { ledger: { ...ledger, verifyingContract: new Uint8Array(20) }, payer }, signed],
    ['with a cut signature', { ledger, payer }, { ...signed, signature: signed.signature.subarray(0, 64) }],
    ['of a later epoch', { ledger, payer }, { ...signed, delivery: encodeDelivery({ ...fields, epoch: 10n }) }],
    [
      'of more tokens',
      { ledger, payer },
      { ...signed, delivery: encodeDelivery({ ...fields, outputTokenCount: 346 }) },
    ],
  ])('is invalid %s', (_name, context, bent) => {
    expect(openDelivery(crypto, context, bent)).toBeUndefined();
  });

  it('is stored by a validator that signs for it in its own name', () => {
    const { held } = vectors;
    const [validator, delivery] = [fromHex(held.validator), fromHex(held.delivery)];
    expect(toHex(hashHeld(crypto, ledger, { validator, delivery }))).toBe(held.digest);
    const key = createNobleLedgerSigner(new Uint8Array(32).fill(7));
    const signature = key.signDigest(fromHex(held.digest));
    const by = { ledger, signingKey: key.address };
    expect(verifyHeld(crypto, by, { validator, delivery, signature })).toBe(true);
    expect(verifyHeld(crypto, { ...by, signingKey: payer }, { validator, delivery, signature })).toBe(false);
    expect(verifyHeld(crypto, by, { validator: payer, delivery, signature })).toBe(false);
    expect(verifyHeld(crypto, by, { validator, delivery: fromHex(vector.digest), signature })).toBe(false);
    const elsewhere = { ...ledger, chainId: 1n };
    expect(verifyHeld(crypto, { ...by, ledger: elsewhere }, { validator, delivery, signature })).toBe(false);
  });

  it('has one form', () => {
    expect(() => parseDelivery(signed.delivery.subarray(1))).toThrow();
    expect(() => parseDelivery(Uint8Array.of(...signed.delivery, 0))).toThrow();
  });
});
