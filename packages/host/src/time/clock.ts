/** Wall clock of a daemon; a simulator passes its own. */
export interface Clock {
  /** Unix time, ms. */
  nowMs(): number;
}

export const systemClock: Clock = { nowMs: () => Date.now() };

/** Milliseconds that only ever grow: for rates and durations, never for dates. */
export const monotonicClock: Clock = { nowMs: () => performance.now() };
