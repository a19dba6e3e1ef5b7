import type { AuditDraw } from './audit.ts';

/**
 * Silence is no verdict. A reply that nobody judged waits, and its verifiers are drawn again: each try is a sitting, with a beacon
 * and a list of candidates of its own (docs/spec/audit-selection.md). After the last one the reply ends unjudged and unpaid.
 */
export const MAX_SITTINGS = 8;
/** How many verifiers are asked in one sitting. */
export const MAX_ASKED = 16;
/** At most so many reports are opened in one sitting. Verifiers that do not answer do not count: silence must end no audit. */
export const MAX_REPORTS = 4;
/** How much longer than its window a sitting may take while witnesses ask silent verifiers, in windows. */
export const MOST_POSTPONED = 2;

/** What a sitting has come to before a round. */
export interface SittingSoFar {
  /** How many were asked, and how many of them opened nothing. */
  readonly asked: number;
  readonly silent: number;
}

/**
 * How many verifiers a round asks at the same time, at most: one more for each that was silent in the sitting, so that sixteen silent ones
 * take six rounds and not sixteen, and nobody works in vain while all answer. Never more than reports may be opened.
 * @param least what the round asks where nobody was silent: 1, or 2 for a pair.
 */
export function computeMostAsked({ asked, silent }: SittingSoFar, least: number): number {
  const reports = asked - silent;
  return Math.max(1, Math.min(least + silent, MAX_REPORTS - reports, MAX_ASKED - asked));
}

/**
 * The epoch whose beacon draws the verifiers of a sitting: 0, 2, 6, 12, 20, 30, 42, 56 after the one that decides about the reply.
 * So nobody chooses it, the first tries follow soon, and the last one comes after any short outage.
 * @param sitting from 0.
 */
export function computeSittingEpoch(decidingEpoch: bigint, sitting: number): bigint {
  const number = BigInt(sitting);
  return decidingEpoch + number * (number + 1n);
}

/** @param laterBeacons values of the sittings after the first, in order. @returns undefined where that beacon is not known. */
export function findSittingDraw(
  draw: AuditDraw | undefined,
  laterBeacons: readonly Uint8Array[],
  sitting: number,
): AuditDraw | undefined {
  if (sitting === 0) return draw;
  const beacon = laterBeacons[sitting - 1];
  return draw && beacon && { ...draw, beacon };
}
