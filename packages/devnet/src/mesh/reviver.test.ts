import { describe, expect, it } from 'vitest';
import { createReviver, FIRST_WAIT_MS, LONGEST_WAIT_MS, RECOVERED_MS } from './reviver.ts';

function setUp({ failures = 0, stopsAfter = Number.POSITIVE_INFINITY } = {}) {
  const waits: number[] = [];
  const reports: string[] = [];
  let starts = 0;
  let cleared = 0;
  const clock = { nowMs: 0 };
  const reviver = createReviver({
    async start() {
      starts++;
      if (starts <= failures) throw new Error('no luck');
    },
    async clear() {
      cleared++;
    },
    isOver: () => waits.length > stopsAfter,
    report: (message) => reports.push(message),
    async wait(ms) {
      waits.push(ms);
    },
    nowMs: () => clock.nowMs,
  });
  return { reviver, waits, reports, clock, starts: () => starts, cleared: () => cleared };
}

describe('a daemon that ended by itself', () => {
  it('is started again, each time later if it ends soon after', async () => {
    const { reviver, waits, clock } = setUp();
    await reviver.revive('router');
    await reviver.revive('router');
    await reviver.revive('router');
    expect(waits).toEqual([FIRST_WAIT_MS, 2 * FIRST_WAIT_MS, 4 * FIRST_WAIT_MS]);
    await reviver.revive('gateway');
    expect(waits.at(-1)).toBe(FIRST_WAIT_MS);
    clock.nowMs += RECOVERED_MS;
    await reviver.revive('router');
    expect(waits.at(-1)).toBe(FIRST_WAIT_MS);
  });

  it('is cleared away and started again if a start fails, never later than the longest wait', async () => {
    const { reviver, waits, reports, cleared } = setUp({ failures: 9 });
    await reviver.revive('router');
    expect(cleared()).toBe(9);
    expect(Math.max(...waits)).toBe(LONGEST_WAIT_MS);
    expect(reports).toContain('no luck');
    expect(reports.at(-1)).toBe('router is back');
  });

  it('is started once, however often its end is reported meanwhile', async () => {
    const { reviver, starts } = setUp();
    await Promise.all([reviver.revive('router'), reviver.revive('router'), reviver.revive('gateway')]);
    expect(starts()).toBe(2);
  });

  it('stays ended once the mesh stops', async () => {
    const { reviver, starts, reports } = setUp({ stopsAfter: 0 });
    await reviver.revive('router');
    expect(starts()).toBe(0);
    expect(reports).not.toContain('router is back');
  });
});
