import { toHex } from '@ogong/protocol/base/bytes';

/** Pause after the first failure of a member. Each further failure doubles it. */
export const FIRST_PAUSE_MS: number = 15_000;
export const LONGEST_PAUSE_MS: number = 5 * 60_000;
/** A member that did not fail for so long after its pause begins anew. */
export const FORGOTTEN_AFTER_MS: number = 10 * 60_000;

/** Members that a leader leaves out for a while. One lost packet costs a member seconds, a dead machine costs it minutes. */
export interface MemberPauses {
  /** Begins a pause. @param leastMs raises a short pause to this length. Default: none. */
  note(providerId: Uint8Array, nowMs: number, leastMs?: number): void;
  isPaused(providerId: Uint8Array, nowMs: number): boolean;
}

interface Pause {
  readonly untilMs: number;
  readonly lengthMs: number;
}

export function createMemberPauses(): MemberPauses {
  const pauses = new Map<string, Pause>();
  return {
    note(providerId, nowMs, leastMs = 0) {
      for (const [key, { untilMs }] of pauses) if (untilMs + FORGOTTEN_AFTER_MS <= nowMs) pauses.delete(key);
      const key = toHex(providerId);
      const before = pauses.get(key);
      // Calls of one broken link fail together and count once.
      const runs = before !== undefined && nowMs < before.untilMs;
      if (runs && leastMs <= before.lengthMs) return;
      const lengthMs = before === undefined || runs ? FIRST_PAUSE_MS : Math.min(2 * before.lengthMs, LONGEST_PAUSE_MS);
      const pauseMs = Math.max(lengthMs, leastMs);
      pauses.set(key, { untilMs: nowMs + pauseMs, lengthMs: pauseMs });
    },
    isPaused(providerId, nowMs) {
      const pause = pauses.get(toHex(providerId));
      return pause !== undefined && nowMs < pause.untilMs;
    },
  };
}
