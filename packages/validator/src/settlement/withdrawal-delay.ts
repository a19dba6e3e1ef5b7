import { type AuditTimes, computeLongestAudit } from '@ogong/protocol/audit/longest-audit';

/** After the last sitting, for batches and their co-signatures. */
const TO_SETTLE_MS = 3_600_000;

/**
 * Whether payers may take their reserve back before their replies are judged and settled.
 * @param withdrawalDelay of the chain, seconds.
 * @returns why such a validator must not admit orders.
 */
export function findDelayProblem(withdrawalDelay: number, times: AuditTimes): string | undefined {
  const neededSeconds = Math.ceil((computeLongestAudit(times) + TO_SETTLE_MS) / 1_000);
  if (withdrawalDelay >= neededSeconds) return undefined;
  return (
    `payers may take their reserve back after ${withdrawalDelay} s (withdrawalDelay of the chain), but from an order to its settlement ` +
    `may pass ${neededSeconds} s with this audit window, epoch and grace: shorten --audit-window, or raise withdrawalDelay`
  );
}
