import { describe, expect, it } from 'vitest';
import vectors from '../../vectors/verifier.json' with { type: 'json' };
import { fromHex, toHex, utf8Encode } from '../base/bytes.ts';
import { nobleCrypto as crypto } from '../crypto/noble.ts';
import { countCutShort, countWhole } from './fee.ts';
import { encodeProgress, hashBeginning, hashProgress, NO_BEGINNING, openProgress, parseProgress } from './progress.ts';

const vector = vectors.progress;
const ledger = { chainId: BigInt(vector.chainId), verifyingContract: fromHex(vector.escrow) };
const response = utf8Encode(vector.response);
const blind = fromHex(vector.blind);
const fields = {
  orderHash: fromHex(vector.orderHash),
  textBytes: vector.textBytes,
  textHash: fromHex(vector.textHash),
  hasLeft: vector.left,
};
const signed = { progress: fromHex(vector.progress), signature: fromHex(vector.signature) };
const order = { payer: fromHex(vector.payer), orderHash: fields.orderHash };
type Context = Parameters<typeof openProgress>[1];

describe("a payer's progress statement", () => {
  it('has the bytes and the digest of the vector', () => {
    expect(toHex(encodeProgress(fields))).toBe(vector.progress);
    expect(toHex(hashProgress(crypto, ledger, fields))).toBe(vector.digest);
    expect(openProgress(crypto, { ledger, order }, signed, { blind, text: response })).toEqual(fields);
  });

  const bend = (change: Partial<typeof fields>) => ({ ...signed, progress: encodeProgress({ ...fields, ...change }) });
  it.each<[string, Context, typeof signed, Uint8Array]>([
    ['of another payer', { ledger, order: { ...order, payer: new Uint8Array(20) } }, signed, response],
    ['about another order', { ledger, order: { ...order, orderHash: new Uint8Array(32) } }, signed, response],
    ['on another chain', { ledger: { ...ledger, chainId: 1n }, order }, signed, response],
    ['about another text', { ledger, order }, signed, utf8Encode('Buy my book instead.')],
    ['about more text than there is', { ledger, order }, signed, response.subarray(0, vector.textBytes - 1)],
    ['of a payer that has not left', { ledger, order }, bend({ hasLeft: !vector.left }), response],
    [
      'of more text',
      { ledger, order },
      bend({ textBytes: 9, textHash: hashBeginning(crypto, blind, response.subarray(0, 9)) }),
      response,
    ],
    ['with a cut signature', { ledger, order }, { ...signed, signature: signed.signature.subarray(1) }, response],
  ])('is invalid %s', (_name, context, bent, text) => {
    expect(openProgress(crypto, context, bent, { blind, text })).toBeUndefined();
  });

  it('is invalid under another blind, and names no text without one', () => {
    const shown = { blind: new Uint8Array(32), text: response };
    expect(openProgress(crypto, { ledger, order }, signed, shown)).toBeUndefined();
    expect(hashBeginning(crypto, blind, new Uint8Array(0))).toEqual(NO_BEGINNING);
  });

  it('has one form', () => {
    expect(() => parseProgress(signed.progress.subarray(1))).toThrow();
    expect(() => parseProgress(Uint8Array.of(...signed.progress, 0))).toThrow();
    expect(() => parseProgress(signed.progress.with(-1, 2))).toThrow('flag of 2');
  });

  it.each(vectors.progress.billed)('bills $promptTokens + $outputTokens of 12 + 400 tokens: $what', (one) => {
    const { responseBytes, textBytes, left, promptTokens, outputTokens } = one;
    const word = textBytes === undefined ? undefined : { textBytes, hasLeft: left === true };
    const billed = countCutShort({ promptTokenCount: 12, outputTokenCount: 400 }, responseBytes, word);
    expect(billed).toEqual({ promptTokenCount: promptTokens, outputTokenCount: outputTokens });
  });

  it.each(vectors.progress.whole)('bills $outputTokens of 400 tokens of a whole text: $what', (one) => {
    const { responseBytes, textBytes, promptTokens, outputTokens } = one;
    const word = textBytes === undefined ? undefined : { textBytes };
    const billed = countWhole({ promptTokenCount: 12, outputTokenCount: 400 }, responseBytes, word);
    expect(billed).toEqual({ promptTokenCount: promptTokens, outputTokenCount: outputTokens });
  });
});
