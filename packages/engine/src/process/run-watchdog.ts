/** Watches calls that run one after another in a child, whose native code nobody can interrupt. */
export interface RunWatchdog {
  /** Counts a call until its promise settles. */
  watch<T>(call: Promise<T>): Promise<T>;
}

/**
 * @param options.limitMs longest time from the begin of a call, or from the end of the call before it.
 * @param options.onLate ends the child. Its calls then fail.
 */
export function createRunWatchdog({
  limitMs,
  onLate,
}: {
  readonly limitMs: number;
  readonly onLate: () => void;
}): RunWatchdog {
  let running = 0;
  let timer: NodeJS.Timeout | undefined;
  const restart = (): void => {
    clearTimeout(timer);
    timer = running > 0 ? setTimeout(onLate, limitMs) : undefined;
    timer?.unref();
  };
  return {
    async watch(call) {
      running += 1;
      if (running === 1) restart();
      try {
        return await call;
      } finally {
        running -= 1;
        restart();
      }
    },
  };
}
