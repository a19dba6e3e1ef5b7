import { describe, expect, it } from 'vitest';
import vectors from '../../vectors/verifier.json' with { type: 'json' };
import { toHex } from '../base/bytes.ts';
import { hashRecord } from '../commitment/record.ts';
import { nobleCrypto as crypto } from '../crypto/noble.ts';
import { NO_DEMANDS } from '../modality/demands.ts';
import { coversFee, DOUBT_PRICE } from '../settlement/audit-balance.ts';
import { VERDICTS } from '../settlement/verdict-log.ts';
import { checkJudgedRecord } from './receipt/reported-verdict.ts';
import { computeBilledFee, dependsOnBalance, isPaidFor } from './reply-fee.ts';

const strict = { demands: { ...NO_DEMANDS, acceptedOnly: true } };
const usual = { demands: NO_DEMANDS };

it('a reply in doubt can be paid unless the request pays only for accepted replies', () => {
  expect(VERDICTS.filter((verdict) => isPaidFor(verdict, usual))).toEqual(['accept', 'inconclusive', 'unaudited']);
  expect(VERDICTS.filter((verdict) => isPaidFor(verdict, strict))).toEqual(['accept', 'unaudited']);
});

it('the balance of a key decides about replies in doubt alone', () => {
  const unpaid = (credit: number) => VERDICTS.filter((verdict) => !coversFee({ credit, debtAtomic: 1n }, verdict));
  expect(unpaid(DOUBT_PRICE)).toEqual([]);
  expect(unpaid(DOUBT_PRICE - 1)).toEqual(['inconclusive']);
  expect(VERDICTS.filter(dependsOnBalance)).toEqual(['inconclusive']);
});

it('a reader of such a receipt expects no fee for a reply in doubt', () => {
  const record = Uint8Array.of(1, 2, 3);
  const status = { verdict: 'inconclusive', record_hash: toHex(hashRecord(crypto, record)), fee_atomic: '7' };
  const judge = (request: typeof strict, fee = status.fee_atomic) =>
    checkJudgedRecord(crypto, { ...status, fee_atomic: fee }, { record, feeAtomic: 7n, request }).status;
  expect([judge(usual), judge(strict), judge(strict, '0')]).toEqual(['pass', 'fail', 'pass']);
});

it.each(vectors.progress.standby)('a reply that its payer need not take bills $fee: $what', (one) => {
  const { wasCutShort, standbyPer1k, fee, textBytes, left } = one;
  const modality = {
    boundTokens: () => ({ promptTokens: 500, outputTokens: 500 }),
    hasProgress: true,
    wasCutShort: () => wasCutShort,
  };
  const billed = {
    order: { pricePer1kAtomic: 3_000n, maxFeeAtomic: 10_000n },
    request: { demands: { ...NO_DEMANDS, standbyPer1kAtomic: BigInt(standbyPer1k) } },
    header: { promptTokenCount: 12, outputTokenCount: 400 },
    responseBytes: 1_600,
    progress: textBytes === undefined ? undefined : { textBytes, hasLeft: left },
  };
  expect(computeBilledFee(modality as never, billed as never).toString()).toBe(fee);
});

describe('a reply to a standby order', () => {
  const order = { pricePer1kAtomic: 1_000n, maxFeeAtomic: 1_000_000n };
  const bill = (
    progress: { readonly textBytes: number; readonly hasLeft: boolean } | undefined,
    { isCut = false, standbyPer1kAtomic = 100n as bigint | undefined } = {},
  ): bigint => {
    const header = { promptTokenCount: 120, outputTokenCount: 30 };
    const demands = { ...NO_DEMANDS, ...(standbyPer1kAtomic !== undefined && { standbyPer1kAtomic }) };
    const modality = {
      boundTokens: () => ({ promptTokens: 500, outputTokens: 50 }),
      hasProgress: true,
      wasCutShort: () => isCut,
    };
    const billed = { order, request: { demands }, header, responseBytes: 90, progress };
    return computeBilledFee(modality as never, billed as never);
  };
  const nothing = { textBytes: 0, hasLeft: true };

  it('bills only its prompt, at the standby price, while it is not taken', () => {
    expect(bill(nothing, { isCut: true })).toBe(12n);
    expect(bill(nothing)).toBe(12n);
    expect(bill(undefined)).toBe(12n);
    expect(bill({ textBytes: 0, hasLeft: false })).toBe(12n);
    expect(bill(nothing, { isCut: true, standbyPer1kAtomic: 0n })).toBe(0n);
    // A part of an atomic unit is rounded up to one.
    expect(bill(nothing, { isCut: true, standbyPer1kAtomic: 1n })).toBe(1n);
  });

  it('bills nothing if its provider stops and the payer has not left', () => {
    expect(bill(undefined, { isCut: true })).toBe(0n);
    expect(bill({ textBytes: 0, hasLeft: false }, { isCut: true })).toBe(0n);
  });

  it('bills like any other once it is taken', () => {
    for (const hasLeft of [true, false]) {
      const word = { textBytes: 1, hasLeft };
      expect(bill(word)).toBe(150n);
      for (const isCut of [true, false])
        expect(bill(word, { isCut })).toBe(bill(word, { isCut, standbyPer1kAtomic: undefined }));
    }
  });

  it('never bills more than the price of the order', () => {
    expect(bill(nothing, { isCut: true, standbyPer1kAtomic: 5_000n })).toBe(120n);
  });
});
