import { monotonicClock } from '@ogong/host/time/clock';
import { describe, expect, it } from 'vitest';
import { DOOR_SCENES } from './catalogue.ts';
import { openFlood } from './flood.ts';

const HONEST = 20;

/** Calls of the flood beyond the burst, in seconds at the limit. They arrive in a tenth of the time. */
const SECONDS = 2;

/** On a slow machine a flood is slower. By this slow clock it still exceeds the limit. */
const SLOWER = 10;
const slowClock = { nowMs: () => performance.now() / SLOWER };

/** Asserts no time. Every honest call is served, and the flood does not exceed the limit. */
describe.skipIf(process.platform !== 'linux')('a method at ten times its limit', () => {
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
      // A call passed the limit if no limit refused it.
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
