import { describe, expect, it } from 'vitest';
import { createShortfalls } from './shortfalls.ts';

const CHANNEL = 'a payer and a validator';

/** 100 were admitted, 30 of them spent; at 1,000 ms a reorganisation takes 60 back. */
function loseAdmission(): ReturnType<typeof createShortfalls> {
  const shortfalls = createShortfalls();
  shortfalls.note(CHANNEL, { admitted: 100n, spent: 30n }, { atMs: 500, before: 0n, wasUndone: false });
  shortfalls.note(CHANNEL, { admitted: 40n, spent: 30n }, { atMs: 1_000, before: 100n, wasUndone: true });
  return shortfalls;
}

describe('shortfalls', () => {
  it('is missing from then on', () => {
    expect(loseAdmission().leastSince(CHANNEL, 0)).toBe(10n);
    expect(loseAdmission().leastSince(CHANNEL, 90_000)).toBe(10n);
  });

  it('is missing until as much is admitted as before', () => {
    const shortfalls = loseAdmission();
    shortfalls.note(CHANNEL, { admitted: 99n, spent: 30n }, { atMs: 2_000, before: 40n, wasUndone: false });
    expect(shortfalls.leastSince(CHANNEL, 2_001)).toBe(69n);
    shortfalls.note(CHANNEL, { admitted: 100n, spent: 30n }, { atMs: 3_000, before: 99n, wasUndone: false });
    expect(shortfalls.leastSince(CHANNEL, 1_500)).toBe(10n);
    expect(shortfalls.leastSince(CHANNEL, 3_001)).toBeUndefined();
  });

  it('is nothing where a channel was only drawn, or a settlement taken back', () => {
    const shortfalls = createShortfalls();
    shortfalls.note(CHANNEL, { admitted: 100n, spent: 95n }, { atMs: 500, before: 100n, wasUndone: false });
    shortfalls.note(CHANNEL, { admitted: 100n, spent: 0n }, { atMs: 600, before: 100n, wasUndone: true });
    expect(shortfalls.leastSince(CHANNEL, 0)).toBeUndefined();
  });

  it('is nothing to another channel', () => {
    expect(loseAdmission().leastSince('another payer and a validator', 0)).toBeUndefined();
  });
});
