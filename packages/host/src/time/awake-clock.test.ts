import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createAwakeClock } from './awake-clock.ts';

describe('the time in which a process could act', () => {
  let nowMs = 0;
  beforeEach(() => {
    nowMs = 5_000;
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  });
  afterEach(() => vi.useRealTimers());

  const start = () => {
    const awake = createAwakeClock({ tickMs: 100, clock: { nowMs: () => nowMs } });
    awake.start();
    return awake;
  };
  /** One tick of the timer, this time after the one before. */
  const look = (afterMs: number) => {
    nowMs += afterMs;
    vi.advanceTimersByTime(100);
  };

  it('passes as it does elsewhere while the timer is on time', () => {
    const awake = start();
    for (let i = 0; i < 10; i++) look(110);
    nowMs += 50;
    expect(awake.nowMs()).toBe(1_150);
    awake.stop();
  });

  it('stands still while the process is stopped', () => {
    const awake = start();
    look(100);
    look(60_000);
    expect(awake.nowMs()).toBe(225);
    // Also before the timer has come again: the first caller after the stop gets the same value.
    nowMs += 60_000;
    expect(awake.nowMs()).toBe(350);
    look(0);
    expect(awake.nowMs()).toBe(350);
    awake.stop();
  });

  it('passes more slowly on a machine that is too busy', () => {
    const awake = start();
    for (let i = 0; i < 10; i++) look(500);
    expect(awake.nowMs()).toBe(1_250);
    awake.stop();
  });

  it('never goes back', () => {
    const awake = start();
    look(100);
    nowMs -= 1_000;
    expect(awake.nowMs()).toBe(100);
    look(0);
    expect(awake.nowMs()).toBe(100);
    awake.stop();
  });
});
