import { describe, expect, it } from 'vitest';
import { utf8Encode } from '../../base/bytes.ts';
import { isSettledProof, parseSettledProof, type SettledProof, toSettledProofJson } from './settled-proof.ts';

const fill = (value: number, length: number): Uint8Array => new Uint8Array(length).fill(value);
const proof: SettledProof = {
  domain: { chainId: 31_337n, verifyingContract: fill(1, 20) },
  ...{ validator: fill(2, 20), replyId: fill(3, 16), entry: fill(4, 300), index: 999 },
  ...{ proof: [fill(5, 32), fill(6, 32)], transaction: fill(7, 32) },
};
const write = (bent: object = {}): Uint8Array => utf8Encode(JSON.stringify({ ...toSettledProofJson(proof), ...bent }));

describe('the file of a settled reply', () => {
  it('round-trips', () => {
    expect(parseSettledProof(write())).toEqual(proof);
    expect(isSettledProof(write())).toBe(true);
  });

  it.each([
    ['another format', { format: 'ogong-receipt-v1' }],
    ['a chain id that is no number', { chainId: '0x7a69' }],
    ['an index behind the longest batch', { index: 1_000 }],
    ['an index that is no whole number', { index: 0.5 }],
    ['a short hash', { proof: ['0x55'] }],
    ['a path longer than the depth of any tree', { proof: Array(21).fill(`0x${'55'.repeat(32)}`) }],
    ['capital letters', { validator: `0x${'AB'.repeat(20)}` }],
    ['an entry that is no base64', { entry: '*' }],
    ['an entry longer than any', { entry: 'A'.repeat(24_580) }],
    ['a missing transaction', { transaction: undefined }],
  ])('is refused with %s', (_, bent) => {
    expect(() => parseSettledProof(write(bent))).toThrow(expect.objectContaining({ code: 'malformed' }));
  });

  it('is refused if it is too long, or no object', () => {
    expect(() => parseSettledProof(new Uint8Array(33 * 1_024))).toThrow(expect.objectContaining({ code: 'too-large' }));
    for (const text of ['null', '[]', '"x"', '{']) {
      expect(() => parseSettledProof(utf8Encode(text))).toThrow(expect.objectContaining({ code: 'malformed' }));
      expect(isSettledProof(utf8Encode(text))).toBe(false);
    }
    expect(isSettledProof(write({ format: 'ogong-receipt-v1' }))).toBe(false);
  });
});
