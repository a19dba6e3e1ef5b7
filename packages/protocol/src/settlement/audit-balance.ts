import { fromHex } from '../base/bytes.ts';
import type { VerdictEntry } from './verdict-log.ts';

/**
 * The audits of one key in one log, as far as they decide about its fees (docs/spec/sequential-test.md#audit-balance). It follows
 * from the log's entries alone, so every reader of the log computes the same.
 */
export interface AuditBalance {
  /** Accepted replies that have not paid for a reply in doubt yet; 0..CREDIT_LIMIT. */
  readonly credit: number;
  /** Fees that the key loses before it earns again, atomic units. */
  readonly debtAtomic: bigint;
}

export const INITIAL_BALANCE: AuditBalance = { credit: 0, debtAtomic: 0n };

/**
 * Accepted replies that a key spends on the fee of one reply in doubt. An honest key of a measured class is in doubt in at most
 * one audit of a hundred (DEFAULT_RATES). So it earns five times as many.
 */
export const DOUBT_PRICE = 20;
/** The largest credit: enough for five replies in doubt in a row. */
export const CREDIT_LIMIT = 100;

/**
 * Coverage whose draws charge a key, parts per million. It is the base coverage. Every reply that it draws is audited at any higher
 * coverage too. So a higher coverage, or an audit that a payer forces, charges nobody more.
 */
export const CHARGED_PPM = 25_000;
/**
 * Fees that an audit without an accept charges. One reply in 40 is drawn, so such an audit stands for 40 replies. The factor of one
 * and a half is for a provider whose own verifiers accept up to a third of its audits.
 */
export const CHARGED_FEES = 60n;

/**
 * The earner of fees that pay a debt. Nobody has the key of this payee, so nobody earns by the debts of others. A refund to the payer
 * would let a provider pay its debt by orders to itself.
 */
export const BURNT: { readonly providerId: Uint8Array; readonly payee: Uint8Array } = {
  providerId: new Uint8Array(32),
  payee: fromHex('000000000000000000000000000000000000dead', 20),
};

/** Returns whether the balance before an entry pays for its reply. Only a reply in doubt needs it. */
export function coversFee({ credit }: AuditBalance, verdict: VerdictEntry['verdict']): boolean {
  return verdict !== 'inconclusive' || credit >= DOUBT_PRICE;
}

/** Returns whether a key's part of a fee pays a debt of the key. */
export function paysDebt({ debtAtomic }: AuditBalance, { feeAtomic }: Pick<VerdictEntry, 'feeAtomic'>): boolean {
  return debtAtomic > 0n && feeAtomic > 0n;
}

/** Computes the balance of a key after an entry, from its part of the fee and of the fine. */
export function advanceBalance(
  balance: AuditBalance,
  { verdict, feeAtomic, fineAtomic }: Pick<VerdictEntry, 'verdict' | 'feeAtomic' | 'fineAtomic'>,
): AuditBalance {
  const { credit, debtAtomic } = balance;
  // The batch itself takes the fine of an abandoned reply.
  const charged = verdict === 'abandoned' ? 0n : fineAtomic;
  const left = debtAtomic > feeAtomic ? debtAtomic - feeAtomic : 0n;
  return { credit: advanceCredit(credit, verdict), debtAtomic: left + charged };
}

function advanceCredit(credit: number, verdict: VerdictEntry['verdict']): number {
  if (verdict === 'accept') return Math.min(credit + 1, CREDIT_LIMIT);
  return verdict === 'inconclusive' && credit >= DOUBT_PRICE ? credit - DOUBT_PRICE : credit;
}
