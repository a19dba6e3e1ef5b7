import { type AuditTimes, computeLongestAudit } from '@ogong/protocol/audit/longest-audit';

/** Time for batches and their co-signatures after the last audit attempt. */
const TO_SETTLE_MS = 3_600_000;

/**
 * Tells whether payers can take their reserve back before their replies are audited and settled.
 * @param withdrawalDelay of the chain, seconds.
 * @returns the reason why such a validator must not admit orders.
 */
export function findDelayProblem(withdrawalDelay: number, times: AuditTimes): string | undefined {
  const neededSeconds = Math.ceil((computeLongestAudit(times) + TO_SETTLE_MS) / 1_000);
  if (withdrawalDelay >= neededSeconds) return undefined;
  return (
    `payers may take their reserve back after ${withdrawalDelay} s (withdrawalDelay of the chain). From an order to its settlement ` +
    `${neededSeconds} s may pass with this audit window, epoch and grace. Shorten --audit-window, or raise withdrawalDelay`
  );
}
