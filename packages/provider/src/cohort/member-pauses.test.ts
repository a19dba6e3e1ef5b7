import { describe, expect, it } from 'vitest';
import { createMemberPauses, FIRST_PAUSE_MS, FORGOTTEN_AFTER_MS, LONGEST_PAUSE_MS } from './member-pauses.ts';

const MEMBER = new Uint8Array(32).fill(7);

describe('pauses of members that failed', () => {
  /** Lets the member fail as soon as its pause is over. @returns the lengths of its pauses */
  function failAgain(times: number): { readonly lengths: number[]; readonly endMs: number } {
    const pauses = createMemberPauses();
    const lengths: number[] = [];
    let nowMs = 1_000;
    for (let count = 0; count < times; count++) {
      pauses.note(MEMBER, nowMs);
      const beginMs = nowMs;
      while (pauses.isPaused(MEMBER, nowMs)) nowMs += 1_000;
      lengths.push(nowMs - beginMs);
    }
    return { lengths, endMs: nowMs };
  }

  it('double with each failure, up to the longest', () => {
    const { lengths } = failAgain(7);
    expect(lengths).toEqual([15_000, 30_000, 60_000, 120_000, 240_000, LONGEST_PAUSE_MS, LONGEST_PAUSE_MS]);
  });

  it('begin anew after a time without failure, and not a moment before', () => {
    const pauses = createMemberPauses();
    pauses.note(MEMBER, 0);
    const forgottenAt = FIRST_PAUSE_MS + FORGOTTEN_AFTER_MS;
    pauses.note(MEMBER, forgottenAt - 1);
    expect(pauses.isPaused(MEMBER, forgottenAt - 1 + FIRST_PAUSE_MS)).toBe(true);
    const secondEnd = forgottenAt - 1 + 2 * FIRST_PAUSE_MS;
    pauses.note(MEMBER, secondEnd + FORGOTTEN_AFTER_MS);
    expect(pauses.isPaused(MEMBER, secondEnd + FORGOTTEN_AFTER_MS + FIRST_PAUSE_MS)).toBe(false);
  });

  it('count calls that fail together once, and are of one member alone', () => {
    const pauses = createMemberPauses();
    for (let call = 0; call < 5; call++) pauses.note(MEMBER, call);
    expect(pauses.isPaused(MEMBER, FIRST_PAUSE_MS)).toBe(false);
    expect(pauses.isPaused(new Uint8Array(32), 1)).toBe(false);
  });

  it('are long for a failure that costs a whole reply, though a short pause runs', () => {
    const pauses = createMemberPauses();
    pauses.note(MEMBER, 0);
    pauses.note(MEMBER, 1, LONGEST_PAUSE_MS);
    expect(pauses.isPaused(MEMBER, LONGEST_PAUSE_MS)).toBe(true);
    expect(pauses.isPaused(MEMBER, LONGEST_PAUSE_MS + 1)).toBe(false);
  });
});
