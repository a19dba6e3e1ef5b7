import type { AuditDraw } from './audit.ts';

/**
 * The most audit attempts for a reply (docs/spec/audit-selection.md). Silence is no verdict: a reply without a verdict waits,
 * and its verifiers are drawn again. Each attempt has its own beacon and its own list of candidates. After the last attempt the
 * reply ends unjudged and unpaid.
 */
export const MAX_AUDIT_ATTEMPTS = 8;
/** The most verifiers that receive the job in one attempt. */
export const MAX_ASKED = 16;
/**
 * The most reports that are opened in one attempt. Verifiers that do not answer do not count, so silence cannot end an audit.
 */
export const MAX_REPORTS = 4;
/** The longest delay of an attempt's end while witnesses ask silent verifiers, in windows. */
export const MOST_POSTPONED = 2;

/** The state of an attempt before a round. */
export interface AttemptSoFar {
  /** Number of verifiers asked, and number of those that opened nothing. */
  readonly asked: number;
  readonly silent: number;
}

/**
 * Computes how many verifiers a round asks at the same time, at most. The number grows by one for each verifier that was silent
 * in this attempt. So sixteen silent verifiers take six rounds instead of sixteen, and no verifier works in vain while all
 * answer. The number never exceeds the reports that may still be opened.
 * @param least the number for a round without silent verifiers: 1, or 2 for a pair.
 */
export function computeMostAsked({ asked, silent }: AttemptSoFar, least: number): number {
  const reports = asked - silent;
  return Math.max(1, Math.min(least + silent, MAX_REPORTS - reports, MAX_ASKED - asked));
}

/**
 * Computes the epoch whose beacon draws the verifiers of an attempt: 0, 2, 6, 12, 20, 30, 42, 56 epochs after the deciding
 * epoch. Nobody chooses it. The first attempts follow soon, and the last one comes after any short outage.
 * @param sitting number of the attempt, from 0.
 */
export function computeAttemptEpoch(decidingEpoch: bigint, sitting: number): bigint {
  const number = BigInt(sitting);
  return decidingEpoch + number * (number + 1n);
}

/**
 * Finds the draw of an attempt.
 * @param laterBeacons values for the attempts after the first, in order.
 * @returns undefined if the beacon is not known.
 */
export function findAttemptDraw(
  draw: AuditDraw | undefined,
  laterBeacons: readonly Uint8Array[],
  sitting: number,
): AuditDraw | undefined {
  if (sitting === 0) return draw;
  const beacon = laterBeacons[sitting - 1];
  return draw && beacon && { ...draw, beacon };
}
