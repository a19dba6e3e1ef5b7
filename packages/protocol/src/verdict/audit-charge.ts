import { type AuditDraw, isSelected } from '../audit/audit.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { type AuditBalance, CHARGED_FEES, CHARGED_PPM, coversFee } from '../settlement/audit-balance.ts';
import type { Judgement } from './judgement.ts';

/** An audit that may charge its provider. */
export interface ChargeableAudit {
  readonly judgement: Pick<Judgement, 'verdict' | 'evidence' | 'isUntold' | 'isUnasked'>;
  /** Undefined if no beacon selected the reply. */
  readonly draw: AuditDraw | undefined;
  /** Cost of the reply as billed, atomic units; undefined without the reply. */
  readonly feeAtomic: bigint | undefined;
}

/**
 * Computes the debt that an audit adds to that of its key, atomic units (docs/spec/sequential-test.md#audit-balance). An audit stands for
 * the replies that it was drawn from. So a key is paid only for the share of its drawn audits that end with an accept. A doubt that its
 * credit pays for counts as one.
 * @param balance of the key before the entry.
 */
export function computeCharge(
  crypto: Crypto,
  { judgement: { verdict, evidence, isUntold, isUnasked }, draw, feeAtomic = 0n }: ChargeableAudit,
  balance: AuditBalance,
): bigint {
  const isPaid = verdict === 'accept' || (verdict === 'inconclusive' && coversFee(balance, verdict));
  // A validator that reports no honeypot, or that has not asked in time, must not charge the provider for it.
  const isOwnFault = isUntold === true || isUnasked === true;
  // Exact evidence ejects and voids.
  const isSettled = isPaid || (verdict === 'reject' && evidence === 'exact');
  if (isSettled || isOwnFault || draw === undefined || !isSelected(crypto, draw, CHARGED_PPM)) return 0n;
  return CHARGED_FEES * feeAtomic;
}
