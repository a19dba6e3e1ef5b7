import { describe, expect, it } from 'vitest';
import { DOOR_SCENES } from './catalogue.ts';
import { openFlood } from './flood.ts';

const HONEST = 20;

/** Calls of the flood beyond the burst: so many seconds' worth at the limit come in a tenth of the time. */
const SECONDS = 2;

/** No time is asserted: that every honest call is served, and that the flood gets no further than the limit says. */
describe.skipIf(process.platform !== 'linux')('a door at ten times its limit', () => {
  it.each(DOOR_SCENES)('$id: honest calls are served, and the flood is refused', async ({ open }) => {
    const { prepare, call, flood, burst, close } = await open();
    const attacker = await openFlood(flood);
    try {
      await prepare?.(HONEST);
      const calls = burst + SECONDS * flood.perSecond;
      const beganMs = performance.now();
      const attack = attacker.send(calls);
      for (let i = 0; i < HONEST; i++) await call();
      const counts = await attack;
      const seconds = (performance.now() - beganMs) / 1000;
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
