import { describe, expect, it } from 'vitest';
import vectors from '../../../vectors/relay-account.json' with { type: 'json' };
import { fromHex, toHex } from '../../base/bytes.ts';
import { createNobleLedgerSigner, nobleCrypto } from '../../crypto/noble.ts';
import {
  computePaidBytes,
  computeRelayFee,
  encodeRelayVoucher,
  GIB,
  hashRelayVoucher,
  openRelayVoucher,
  parseRelayVoucher,
  signRelayVoucher,
} from './relay-voucher.ts';

describe('a voucher for a relay', () => {
  it.each(vectors.vouchers)('over $value matches its vector', (vector) => {
    const bytes = fromHex(vector.voucher);
    const voucher = parseRelayVoucher(bytes);
    expect(toHex(encodeRelayVoucher(voucher))).toBe(vector.voucher);
    expect(voucher).toMatchObject({ valueAtomic: BigInt(vector.value), validBeforeS: vector.validBefore });
    const token = { chainId: BigInt(vector.chainId), verifyingContract: fromHex(vector.token) };
    expect(toHex(hashRelayVoucher(nobleCrypto, token, voucher))).toBe(vector.digest);
    const signed = { voucher: bytes, signature: fromHex(vector.signature) };
    const payee = fromHex(vector.payee);
    expect(openRelayVoucher(nobleCrypto, { token, payee }, signed)).toEqual(voucher);
    expect(openRelayVoucher(nobleCrypto, { token, payee: new Uint8Array(20) }, signed)).toBeUndefined();
    expect(openRelayVoucher(nobleCrypto, { token: { ...token, chainId: 1n }, payee }, signed)).toBeUndefined();
    for (let at = 0; at < signed.signature.length - 1; at += 7) {
      const bent = signed.signature.slice();
      bent[at] = (bent[at] as number) ^ 1;
      expect(openRelayVoucher(nobleCrypto, { token, payee }, { ...signed, signature: bent })).toBeUndefined();
    }
  });

  it('has a value above zero, and the exact length', () => {
    const signer = createNobleLedgerSigner(new Uint8Array(32).fill(5));
    const token = { chainId: 1n, verifyingContract: new Uint8Array(20) };
    const said = { token, payee: new Uint8Array(20), validBeforeS: 1, nonce: new Uint8Array(32) };
    const { voucher } = signRelayVoucher(nobleCrypto, signer, { ...said, valueAtomic: 1n });
    const nothing = voucher.slice();
    nothing.fill(0, 23 + 40, 23 + 56);
    expect(() => parseRelayVoucher(nothing)).toThrow('over nothing');
    expect(() => parseRelayVoucher(voucher.subarray(1))).toThrow();
    expect(() => parseRelayVoucher(Uint8Array.of(...voucher, 0))).toThrow();
  });

  it('pays for its bytes, rounded in favour of the relay', () => {
    for (const price of [1n, 7n, GIB, 10n ** 15n]) {
      for (const bytes of [0n, 1n, 12_345n, GIB - 1n, 5n * GIB]) {
        const fee = computeRelayFee(bytes, price);
        expect(fee * GIB).toBeGreaterThanOrEqual(bytes * price);
        expect(computePaidBytes(fee, price)).toBeGreaterThanOrEqual(bytes);
        if (fee > 0n) expect(computePaidBytes(fee - 1n, price)).toBeLessThan(bytes);
      }
    }
  });
});
