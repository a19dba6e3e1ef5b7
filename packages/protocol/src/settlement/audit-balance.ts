import type { VerdictEntry } from './verdict-log.ts';

/**
 * The audits of one key in one log, as far as they decide about its fees (docs/spec/sequential-test.md#audit-balance). It follows
 * from the log's entries alone, so every reader of the log computes the same.
 */
export interface AuditBalance {
  /** Accepted replies that have not paid for a reply in doubt yet; 0..CREDIT_LIMIT. */
  readonly credit: number;
  /** Replies of the key that must be accepted before one of its replies is paid without an audit; 0..OWED_AUDITS. */
  readonly owed: number;
}

export const INITIAL_BALANCE: AuditBalance = { credit: 0, owed: 0 };

/**
 * Accepted replies that a key spends on the fee of one reply in doubt. An honest key of a measured class is in doubt in at most
 * one audit of a hundred (DEFAULT_RATES). So it earns ten times as many.
 */
export const DOUBT_PRICE = 10;
/** The largest credit: enough for ten replies in doubt in a row. */
export const CREDIT_LIMIT = 100;
/**
 * Accepted replies that a key owes after an audit without a result. It is the number of replies of which the base coverage
 * of 2.5 % audits one.
 */
export const OWED_AUDITS = 40;

/** Returns whether the balance before an entry pays for its reply. Other verdicts than doubt and "unaudited" do not need it. */
export function coversFee({ credit, owed }: AuditBalance, verdict: VerdictEntry['verdict']): boolean {
  if (verdict === 'inconclusive') return credit >= DOUBT_PRICE;
  return verdict !== 'unaudited' || owed === 0;
}

/** Computes the balance of the entry's key after the entry. */
export function advanceBalance(
  balance: AuditBalance,
  { verdict, step, beaconEpoch, feeAtomic }: Pick<VerdictEntry, 'verdict' | 'step' | 'beaconEpoch' | 'feeAtomic'>,
): AuditBalance {
  const { credit, owed } = balance;
  if (verdict === 'accept') return { credit: Math.min(credit + 1, CREDIT_LIMIT), owed: Math.max(owed - 1, 0) };
  // A reply in doubt without a fee costs no credit.
  if (verdict === 'inconclusive' && feeAtomic > 0n) return { credit: Math.max(credit - DOUBT_PRICE, 0), owed };
  // No beacon has selected a reply without a record.
  const isWithoutResult = step === 'late' || (verdict === 'unjudged' && beaconEpoch !== 0n);
  return isWithoutResult ? { credit, owed: OWED_AUDITS } : balance;
}
