import type { AuditDraw } from './audit.ts';

/**
 * Silence is no verdict. A reply that nobody judged waits, and its verifiers are drawn again: each try is a sitting, with a beacon
 * and a list of candidates of its own (docs/spec/audit-selection.md). After the last one the reply ends unjudged and unpaid.
 */
export const MAX_SITTINGS = 8;
/** How many verifiers are asked in one sitting. */
export const MAX_ASKED = 16;
/** How much longer than its window a sitting may take while witnesses ask silent verifiers, in windows. */
export const MOST_POSTPONED = 3;

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
