import { MAX_ORDER_LIFETIME_MS } from '../exchange/limits.ts';
import { computeDecidingEpoch } from './deciding-epoch.ts';
import { computeSittingEpoch, MAX_SITTINGS, MOST_POSTPONED } from './sitting.ts';

/**
 * How long a payer's money has to stay where it is: from admission to the end of the last sitting (docs/spec/silence.md, "How long"). It
 * holds while the handling validator is up and more than half of a reply's first three witnesses answer; without those nothing settles.
 */

export interface AuditTimes {
  readonly epochMs: number;
  readonly windowMs: number;
  /** After an order's expiry, for its record. */
  readonly graceMs: number;
  /** Of one call to a verifier about a short reply. */
  readonly callTimeoutMs: number;
}

/** A validator asks its witnesses again after this share of the grace. */
const PAUSE_SHARE = 1 / 12;
/** A call about a long reply takes at most this share of the window. */
const LONG_CALL_SHARE = 1 / 3;
/** Verifiers are asked at a secret moment within this share of the window. */
const SPREAD_SHARE = 1 / 4;
/** A report is asked for this often at least before its verifier counts as silent. */
const REVEAL_TRIES = 3;
/**
 * A witness asks over two call timeouts, and half of the time counts where it reaches nobody: four. The last ask and the pause before it
 * add one and a quarter.
 */
const CALLS_PER_QUESTION = 5.25;
/** Pauses double from a second on, up to an eighth of what a witness waits: no question takes more asks. */
const ASKS_PER_QUESTION = 24;
/** Witnesses that have not answered within this time hold nobody up: the next round hears of them. */
export const WITNESS_ROUND_MS = 5_000;
/** Openings that come slowly make a window count as so many. */
const SLOW_WINDOWS = 8;

/** How long witnesses ask a verifier, as the handling validator sees it. */
function computeLongestQuestion(callMs: number, graceMs: number): number {
  return CALLS_PER_QUESTION * callMs + ASKS_PER_QUESTION * (PAUSE_SHARE * graceMs + WITNESS_ROUND_MS);
}

/** From a sitting's beginning to its end: its window, what it may be postponed, and the round that has begun by then. */
export function computeLongestSitting({ windowMs, graceMs, callTimeoutMs }: Omit<AuditTimes, 'epochMs'>): number {
  const longCallMs = Math.max(callTimeoutMs, LONG_CALL_SHARE * windowMs);
  const lastRoundMs =
    computeLongestQuestion(longCallMs, graceMs) +
    REVEAL_TRIES * longCallMs +
    computeLongestQuestion(callTimeoutMs, graceMs);
  return Math.ceil((SPREAD_SHARE + 1 + MOST_POSTPONED) * windowMs + lastRoundMs);
}

/** From the admission of an order to the end of its last sitting. */
export function computeLongestAudit(times: AuditTimes): number {
  const { epochMs, windowMs, graceMs } = times;
  const intakeEpoch = BigInt(Math.ceil((MAX_ORDER_LIFETIME_MS + graceMs) / epochMs)) + 2n;
  const { epoch } = computeDecidingEpoch({ orderEpoch: 0n, intakeEpoch });
  const epochsMs = Number(epoch + computeSittingEpoch(0n, MAX_SITTINGS - 1)) * epochMs;
  return epochsMs + SLOW_WINDOWS * windowMs + MAX_SITTINGS * computeLongestSitting(times);
}
