import { expect, it } from 'vitest';
import vectors from '../../vectors/verifier.json' with { type: 'json' };
import { fromHex, toHex } from '../base/bytes.ts';
import { nobleCrypto as crypto } from '../crypto/noble.ts';
import { type ComplaintTerms, hashComplaint, verifyComplaint } from './complaint.ts';

const vector = vectors.complaint;
const ledger = { chainId: BigInt(vector.chainId), verifyingContract: fromHex(vector.escrow) };
const payer = fromHex(vector.payer);
const signature = fromHex(vector.signature);
const orderHash = fromHex(vector.orderHash);
const terms: ComplaintTerms = {
  ...{ orderHash, reason: vector.reason, record: fromHex(vector.record), openingHash: fromHex(vector.openingHash) },
};

it('a complaint has the digest of the vector', () => {
  expect(toHex(hashComplaint(crypto, ledger, terms))).toBe(vector.digest);
  const bare = { orderHash, reason: vector.bare.reason, record: undefined, openingHash: undefined };
  expect(toHex(hashComplaint(crypto, ledger, bare))).toBe(vector.bare.digest);
  expect(verifyComplaint(crypto, { ledger, payer }, terms, signature)).toBe(true);
});

it.each<[string, Partial<ComplaintTerms>]>([
  ['another order', { orderHash: new Uint8Array(32) }],
  ['another reason', { reason: 'abandoned' }],
  ['another record', { record: Uint8Array.of(1) }],
  ['no record', { record: undefined }],
  ['another opening', { openingHash: new Uint8Array(32).fill(1) }],
  ['no opening', { openingHash: undefined }],
])('the signature covers all of it: %s', (_name, bend) => {
  expect(verifyComplaint(crypto, { ledger, payer }, { ...terms, ...bend }, signature)).toBe(false);
});

it('counts for its payer and its ledger alone', () => {
  expect(verifyComplaint(crypto, { ledger, payer: new Uint8Array(20) }, terms, signature)).toBe(false);
  expect(verifyComplaint(crypto, { ledger: { ...ledger, chainId: 1n }, payer }, terms, signature)).toBe(false);
});
