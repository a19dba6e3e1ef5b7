import { type Clock, monotonicClock } from './clock.ts';

export interface AwakeClock extends Clock {
  start(): void;
  stop(): void;
}

export interface AwakeClockOptions {
  /** Time between two ticks. Default: 250. */
  readonly tickMs?: number;
  /** Default: the monotonic clock of the process. */
  readonly clock?: Clock;
}

/** How late a tick may be and still count in full, as a share of the tick. */
const SLACK = 0.25;

/**
 * Milliseconds in which this process could act, from 0. A timer ticks again and again. If a tick is late, because the event loop was
 * blocked, the machine is overloaded or the process was stopped, only the planned time counts. A daemon that waits for a peer by this clock
 * does not count its own delay against the peer. On a slow machine it waits longer.
 */
export function createAwakeClock({ tickMs = 250, clock = monotonicClock }: AwakeClockOptions = {}): AwakeClock {
  const mostMs = tickMs * (1 + SLACK);
  let countedMs = 0;
  let lastMs = clock.nowMs();
  let timer: NodeJS.Timeout | undefined;

  const sinceLook = (nowMs: number): number => Math.max(0, Math.min(nowMs - lastMs, mostMs));

  function look(): void {
    const nowMs = clock.nowMs();
    countedMs += sinceLook(nowMs);
    lastMs = nowMs;
  }

  return {
    nowMs: () => countedMs + sinceLook(clock.nowMs()),
    start() {
      if (timer !== undefined) return;
      lastMs = clock.nowMs();
      timer = setInterval(look, tickMs);
      timer.unref();
    },
    stop() {
      clearInterval(timer);
      timer = undefined;
    },
  };
}
