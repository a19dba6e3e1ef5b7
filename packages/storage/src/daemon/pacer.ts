import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '@ogong/host/time/clock';

/** Holds senders back so that all of them together send no faster than a rate. */
export interface Pacer {
  /** Waits until these bytes may be sent. */
  pass(bytes: number, signal: AbortSignal): Promise<void>;
}

/** @param clock a clock that never goes back. */
export function createPacer(bytesPerSecond: number, clock: Clock): Pacer {
  let freeAtMs = 0;
  return {
    async pass(bytes, signal) {
      const nowMs = clock.nowMs();
      const startMs = Math.max(nowMs, freeAtMs);
      freeAtMs = startMs + (bytes / bytesPerSecond) * 1_000;
      if (startMs > nowMs) await delay(startMs - nowMs, undefined, { signal });
    },
  };
}
