import { createTestHybrid } from '@ogong/testing/validator/test-keys';
import { describe, expect, it } from 'vitest';
import vectors from '../../../vectors/verifier.json' with { type: 'json' };
import { fromHex, toHex } from '../../base/bytes.ts';
import { nobleCrypto as crypto } from '../../crypto/noble.ts';
import {
  describeEnd,
  END_BYTES,
  END_CODES,
  type EndCode,
  encodeEnd,
  findEndProblem,
  hashEnd,
  parseEnd,
  type SignedEnd,
  signEnd,
} from './order-end.ts';

const provider = createTestHybrid('provider');
const order = { providerId: crypto.sha256(provider.publicKey), orderHash: new Uint8Array(32).fill(7) };
const said = { orderHash: order.orderHash, code: 'machine-failed', timeMs: 1_750_000_000_000 } as const;
const end = signEnd(provider, said);
const flip = (bytes: Uint8Array, at = bytes.length - 1): Uint8Array =>
  bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));

it('has the signed bytes of the vectors', () => {
  expect(vectors.ends.map(({ code }) => code)).toEqual([...END_CODES]);
  for (const { orderHash, code, timeMs, end, receiptHash } of vectors.ends) {
    const bytes = encodeEnd({ orderHash: fromHex(orderHash), code: code as EndCode, timeMs });
    expect([toHex(bytes), toHex(hashEnd(crypto, { end: bytes }))]).toEqual([end, receiptHash]);
  }
});

describe('an end of an order', () => {
  it('is what its provider signed, in 60 bytes', () => {
    expect(end.end).toHaveLength(END_BYTES);
    expect(parseEnd(end.end)).toEqual(said);
    expect(hashEnd(crypto, end)).toEqual(crypto.sha256(end.end));
    expect(findEndProblem(crypto, end, order)).toBeUndefined();
    expect(describeEnd('machine-failed')).toBe('the provider ended the order: the machine failed (machine-failed)');
  });

  it.each<[string, string, Partial<SignedEnd>]>([
    ['of another order', 'of another order', signEnd(provider, { ...said, orderHash: new Uint8Array(32) })],
    ['by another key', 'of another key', signEnd(createTestHybrid('stranger'), said)],
    [
      'under the key of the provider, signed by another',
      'did not sign',
      { signature: signEnd(createTestHybrid('stranger'), said).signature },
    ],
    ['with another time', 'did not sign', { end: flip(end.end) }],
    ['with another code', 'did not sign', { end: flip(end.end, END_BYTES - 9) }],
    ['with a short signature', 'did not sign', { signature: end.signature.subarray(1) }],
  ])('is none if it is %s', (_name, problem, change) => {
    expect(findEndProblem(crypto, { ...end, ...change }, order)).toContain(problem);
  });

  it.each([
    ['a code that nobody knows', Uint8Array.from(end.end, (byte, i) => (i === END_BYTES - 9 ? 4 : byte))],
    ['fewer bytes', end.end.subarray(0, END_BYTES - 1)],
    ['more bytes', new Uint8Array([...end.end, 0])],
    ['no bytes', new Uint8Array()],
  ])('does not parse with %s', (_name, bytes) => {
    expect(() => findEndProblem(crypto, { ...end, end: bytes }, order)).toThrow();
  });
});
