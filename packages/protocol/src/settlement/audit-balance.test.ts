import { describe, expect, it } from 'vitest';
import { createSeededRandom } from '../base/seeded-random.ts';
import { DEFAULT_RATES } from '../modality/text/drift/drift-verdict.ts';
import {
  type AuditBalance,
  advanceBalance,
  CHARGED_FEES,
  CHARGED_PPM,
  CREDIT_LIMIT,
  coversFee,
  DOUBT_PRICE,
  INITIAL_BALANCE,
  paysDebt,
} from './audit-balance.ts';
import type { VerdictEntry } from './verdict-log.ts';

type Verdict = VerdictEntry['verdict'];

/** Adds an entry whose fee is paid if the balance covers it. A reply costs one unit. */
function add(balance: AuditBalance, verdict: Verdict, fields: Partial<VerdictEntry> = {}) {
  const isPaid = coversFee(balance, verdict) && !['reject', 'unjudged', 'abandoned'].includes(verdict);
  const entry = { verdict, feeAtomic: isPaid ? 1n : 0n, fineAtomic: 0n, ...fields } as const;
  return { isPaid, balance: advanceBalance(balance, entry) };
}

describe('the audit balance of a key', () => {
  const none = { feeAtomic: 0n };
  it.each<[string, Partial<AuditBalance>, Verdict, Partial<VerdictEntry>, Partial<AuditBalance>]>([
    ['an accept adds credit', {}, 'accept', {}, { credit: 1 }],
    ['credit has a limit', { credit: CREDIT_LIMIT }, 'accept', {}, { credit: CREDIT_LIMIT }],
    ['a doubt costs credit', { credit: 22 }, 'inconclusive', {}, { credit: 2 }],
    ['a doubt that the request does not pay costs credit too', { credit: 22 }, 'inconclusive', none, { credit: 2 }],
    ['a doubt without credit leaves it', { credit: 19 }, 'inconclusive', {}, { credit: 19 }],
    ['a doubt without credit charges', { debtAtomic: 3n }, 'inconclusive', { fineAtomic: 60n }, { debtAtomic: 63n }],
    ['charges add up', { debtAtomic: 3n }, 'unjudged', { fineAtomic: 60n }, { debtAtomic: 63n }],
    ['a late opening charges', { credit: 5 }, 'reject', { fineAtomic: 60n }, { credit: 5, debtAtomic: 60n }],
    ['a fee pays the debt by its amount', { debtAtomic: 9n }, 'unaudited', { feeAtomic: 4n }, { debtAtomic: 5n }],
    ['an accept pays the debt too', { debtAtomic: 9n }, 'accept', {}, { credit: 1, debtAtomic: 8n }],
    ['a paid doubt does', { credit: 20, debtAtomic: 9n }, 'inconclusive', {}, { debtAtomic: 8n }],
    ['a larger fee leaves nothing', { debtAtomic: 9n }, 'unaudited', { feeAtomic: 40n }, { debtAtomic: 0n }],
    ['a reply without a fee pays nothing', { debtAtomic: 9n }, 'unaudited', none, { debtAtomic: 9n }],
    ['an audit outside the draw changes nothing', { debtAtomic: 9n }, 'unjudged', {}, { debtAtomic: 9n }],
    ['the fine of an abandoned reply is no debt', {}, 'abandoned', { fineAtomic: 60n }, {}],
  ])('%s', (_what, before, verdict, fields, after) => {
    expect(add({ ...INITIAL_BALANCE, ...before }, verdict, fields).balance).toEqual({ ...INITIAL_BALANCE, ...after });
  });

  it('takes fees while there is a debt, and no others', () => {
    const owing = { credit: 0, debtAtomic: 1n };
    expect(paysDebt(owing, { feeAtomic: 1n })).toBe(true);
    expect(paysDebt(owing, { feeAtomic: 0n })).toBe(false);
    expect(paysDebt(INITIAL_BALANCE, { feeAtomic: 1n })).toBe(false);
  });

  /** Earns the share of fees that a key keeps if such a share of its drawn audits has no result. Large replies end without one. */
  function earn(share: number, largeFee: bigint): number {
    const random = createSeededRandom(3);
    let balance = INITIAL_BALANCE;
    let [earned, sold] = [0n, 0n];
    for (let i = 0; i < 200_000; i++) {
      const isLarge = random() < share;
      const billed = isLarge ? largeFee : 1n;
      const isCharged = isLarge && random() < CHARGED_PPM / 1_000_000;
      const entry = {
        verdict: isCharged ? 'unjudged' : 'unaudited',
        feeAtomic: isCharged ? 0n : billed,
        fineAtomic: isCharged ? CHARGED_FEES * billed : 0n,
      } as const;
      sold += billed;
      if (!paysDebt(balance, entry)) earned += entry.feeAtomic;
      balance = advanceBalance(balance, entry);
    }
    return Number(earned) / Number(sold);
  }

  it('pays no more than the fees of the replies whose audits have a result, whatever they cost', () => {
    expect(earn(0, 1n)).toBe(1);
    for (const share of [0.05, 0.3]) expect(earn(share, 1n)).toBeLessThan(1 - share);
    // Twenty large fees in a hundred replies are 20/21 of the money.
    expect(earn(0.2, 80n)).toBeLessThan(0.05);
    expect(earn(1, 1n)).toBeLessThan(0.01);
  });

  /** @returns the unpaid share of a key's replies in doubt, and of all its audits. */
  function live(rate: number, audits: number): { readonly ofDoubts: number; readonly ofAll: number } {
    const random = createSeededRandom(7);
    let balance = INITIAL_BALANCE;
    let [doubts, unpaid] = [0, 0];
    for (let i = 0; i < audits; i++) {
      const isDoubt = random() < rate;
      const next = add(balance, isDoubt ? 'inconclusive' : 'accept');
      if (isDoubt) doubts++;
      if (isDoubt && !next.isPaid) unpaid++;
      balance = next.balance;
    }
    return { ofDoubts: unpaid / Math.max(1, doubts), ofAll: unpaid / audits };
  }

  it.each([
    ['at the rate of honest keys', DEFAULT_RATES.doubt, 0.001, 0.000_01],
    ['at twice the rate of honest keys', 2 * DEFAULT_RATES.doubt, 0.005, 0.000_1],
  ])('pays a key that is in doubt %s, except at its beginning', (_what, rate, ofDoubts, ofAll) => {
    const lost = live(rate, 200_000);
    expect(lost.ofDoubts).toBeLessThan(ofDoubts);
    expect(lost.ofAll).toBeLessThan(ofAll);
  });

  it('pays at most one reply in doubt for twenty accepted ones', () => {
    expect(live(1, 1_000).ofDoubts).toBe(1);
    for (const rate of [0.2, 0.5, 0.8]) {
      const { ofDoubts } = live(rate, 100_000);
      expect(1 - ofDoubts).toBeLessThanOrEqual((1 - rate) / rate / DOUBT_PRICE + 0.001);
    }
  });
});
