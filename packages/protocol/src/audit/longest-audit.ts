import { MAX_ORDER_LIFETIME_MS } from '../exchange/limits.ts';
import { computeAttemptEpoch, MAX_AUDIT_ATTEMPTS, MOST_POSTPONED } from './audit-attempt.ts';
import { computeDecidingEpoch } from './deciding-epoch.ts';

/**
 * The times that decide how long a payer's money is locked: from admission to the end of the last audit attempt
 * (docs/spec/silence.md, "How long"). The bound holds while the handling validator is up and more than half of a reply's first
 * three witnesses answer. Otherwise nothing settles.
 */

export interface AuditTimes {
  readonly epochMs: number;
  readonly windowMs: number;
  /** Time after an order's expiry in which its record may arrive. */
  readonly graceMs: number;
  /** Timeout of one call to a verifier about a short reply. */
  readonly callTimeoutMs: number;
}

/** The pause between two questions of a validator to its witnesses, as a share of the grace. */
const PAUSE_SHARE = 1 / 12;
/** The longest call about a long reply, as a share of the window. */
const LONG_CALL_SHARE = 1 / 3;
/** The part of the window in which verifiers are asked, at a secret moment. */
const SPREAD_SHARE = 1 / 4;
/** The fewest requests for a report before its verifier counts as silent. */
const REVEAL_TRIES = 3;
/**
 * Call timeouts of one question. A witness asks over two call timeouts, and time without contact counts by half: four. The last
 * request and the pause before it add one and a quarter.
 */
const CALLS_PER_QUESTION = 5.25;
/** The most requests of one question. Pauses double from a second, up to an eighth of a witness's wait. */
const ASKS_PER_QUESTION = 24;
/** The time that a round waits for witnesses. A later answer goes into the next round. */
export const WITNESS_ROUND_MS = 5_000;
/** The factor for windows of openings that arrive slowly. */
const SLOW_WINDOWS = 8;

/** Computes how long witnesses ask a verifier, from the handling validator's point of view. */
function computeLongestQuestion(callMs: number, graceMs: number): number {
  return CALLS_PER_QUESTION * callMs + ASKS_PER_QUESTION * (PAUSE_SHARE * graceMs + WITNESS_ROUND_MS);
}

/** Computes the longest audit attempt: its window, its postponement, and the round that has begun by then. */
export function computeLongestAttempt({ windowMs, graceMs, callTimeoutMs }: Omit<AuditTimes, 'epochMs'>): number {
  const longCallMs = Math.max(callTimeoutMs, LONG_CALL_SHARE * windowMs);
  const lastRoundMs =
    computeLongestQuestion(longCallMs, graceMs) +
    REVEAL_TRIES * longCallMs +
    computeLongestQuestion(callTimeoutMs, graceMs);
  return Math.ceil((SPREAD_SHARE + 1 + MOST_POSTPONED) * windowMs + lastRoundMs);
}

/** Computes the time from the admission of an order to the end of its last audit attempt. */
export function computeLongestAudit(times: AuditTimes): number {
  const { epochMs, windowMs, graceMs } = times;
  const intakeEpoch = BigInt(Math.ceil((MAX_ORDER_LIFETIME_MS + graceMs) / epochMs)) + 2n;
  const { epoch } = computeDecidingEpoch({ orderEpoch: 0n, intakeEpoch });
  const epochsMs = Number(epoch + computeAttemptEpoch(0n, MAX_AUDIT_ATTEMPTS - 1)) * epochMs;
  return epochsMs + SLOW_WINDOWS * windowMs + MAX_AUDIT_ATTEMPTS * computeLongestAttempt(times);
}
