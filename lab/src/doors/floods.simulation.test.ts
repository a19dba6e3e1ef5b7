import { monotonicClock } from '@ogong/host/time/clock';
import { describe, expect, it } from 'vitest';
import { DOOR_SCENES } from './catalogue.ts';
import { openFlood } from './flood.ts';

const HONEST = 20;

/** Calls of the flood beyond the burst: so many seconds' worth at the limit come in a tenth of the time. */
const SECONDS = 2;

/** On a slow machine a flood comes slower. By a clock that is slow, too, it still comes at more than the limit. */
const SLOWER = 10;
const slowClock = { nowMs: () => performance.now() / SLOWER };

/** No time is asserted: that every honest call is served, and that the flood gets no further than the limit says. */
describe.skipIf(process.platform !== 'linux')('a door at ten times its limit', () => {
  it.each(DOOR_SCENES)('$id: honest calls are served, and the flood is refused', async ({ open }) => {
    const { prepare, call, flood, burst, clock = monotonicClock, close } = await open({ clock: slowClock });
    const attacker = await openFlood(flood, { waits: true });
    try {
      await prepare?.(HONEST);
      const calls = burst + SECONDS * flood.perSecond;
      const beganMs = clock.nowMs();
      const attack = attacker.send(calls);
      for (let i = 0; i < HONEST; i++) await call();
      const counts = await attack;
      const seconds = (clock.nowMs() - beganMs) / 1000;
      await call();
      // What is no refusal by a limit has passed the door.
      const { 'rate-limited': limited = 0, unreachable = 0, unauthorized = 0, unsent = 0, timeout = 0 } = counts;
      const passed = calls - limited - unreachable - unauthorized - unsent - timeout;
      expect(limited + unreachable + unauthorized, JSON.stringify(counts)).toBeGreaterThan(0);
      expect(passed, JSON.stringify(counts)).toBeLessThanOrEqual(burst + (seconds * flood.perSecond) / 10 + 1);
    } finally {
      attacker.close();
      await close();
    }
  });
});
