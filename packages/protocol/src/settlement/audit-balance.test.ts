import { describe, expect, it } from 'vitest';
import { createSeededRandom } from '../base/seeded-random.ts';
import { DEFAULT_RATES } from '../modality/text/drift/drift-verdict.ts';
import {
  type AuditBalance,
  advanceBalance,
  CREDIT_LIMIT,
  coversFee,
  DOUBT_PRICE,
  INITIAL_BALANCE,
  OWED_AUDITS,
} from './audit-balance.ts';
import type { VerdictEntry } from './verdict-log.ts';

type Verdict = VerdictEntry['verdict'];

/** Adds an entry whose fee is paid if the balance covers it. */
function add(balance: AuditBalance, verdict: Verdict, fields: Partial<VerdictEntry> = {}) {
  const isPaid = coversFee(balance, verdict) && !['reject', 'unjudged', 'abandoned'].includes(verdict);
  const entry = { verdict, step: 'none', beaconEpoch: 1n, feeAtomic: isPaid ? 1n : 0n, ...fields } as const;
  return { isPaid, balance: advanceBalance(balance, entry) };
}

describe('the audit balance of a key', () => {
  it.each<[string, Partial<AuditBalance>, Verdict, Partial<VerdictEntry>, Partial<AuditBalance>]>([
    ['an accept adds credit', {}, 'accept', {}, { credit: 1 }],
    ['credit has a limit', { credit: CREDIT_LIMIT }, 'accept', {}, { credit: CREDIT_LIMIT }],
    ['an accept pays an owed audit', { owed: 3 }, 'accept', {}, { credit: 1, owed: 2 }],
    ['a paid doubt costs credit', { credit: 12 }, 'inconclusive', {}, { credit: 2 }],
    ['a doubt without credit costs nothing', { credit: 9 }, 'inconclusive', {}, { credit: 9 }],
    [
      'a doubt that the request does not pay costs nothing',
      { credit: 12 },
      'inconclusive',
      { feeAtomic: 0n },
      { credit: 12 },
    ],
    ['a doubt leaves owed audits', { credit: 12, owed: 3 }, 'inconclusive', {}, { credit: 2, owed: 3 }],
    ['a reject changes nothing', { credit: 5, owed: 3 }, 'reject', {}, { credit: 5, owed: 3 }],
    ['an unaudited reply changes nothing', { credit: 5, owed: 3 }, 'unaudited', {}, { credit: 5, owed: 3 }],
    ['an audit without a result', { credit: 5, owed: 3 }, 'unjudged', {}, { credit: 5, owed: OWED_AUDITS }],
    ['a late opening', { credit: 5 }, 'reject', { step: 'late' }, { credit: 5, owed: OWED_AUDITS }],
    ['a reply without a record was never audited', { credit: 5 }, 'unjudged', { beaconEpoch: 0n }, { credit: 5 }],
    ['an abandoned reply', { credit: 5 }, 'abandoned', { beaconEpoch: 0n }, { credit: 5 }],
  ])('%s', (_what, before, verdict, fields, after) => {
    expect(add({ ...INITIAL_BALANCE, ...before }, verdict, fields).balance).toEqual({ ...INITIAL_BALANCE, ...after });
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
    ['at three times the rate of honest keys', 3 * DEFAULT_RATES.doubt, 0.005, 0.000_2],
  ])('pays a key that is in doubt %s, except at its beginning', (_what, rate, ofDoubts, ofAll) => {
    const lost = live(rate, 200_000);
    expect(lost.ofDoubts).toBeLessThan(ofDoubts);
    expect(lost.ofAll).toBeLessThan(ofAll);
  });

  it('pays at most one reply in doubt for ten accepted ones', () => {
    expect(live(1, 1_000).ofDoubts).toBe(1);
    for (const rate of [0.2, 0.5, 0.8]) {
      const { ofDoubts } = live(rate, 100_000);
      expect(1 - ofDoubts).toBeLessThanOrEqual((1 - rate) / rate / DOUBT_PRICE + 0.001);
    }
  });
});
