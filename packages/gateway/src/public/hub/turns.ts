/** Runs at most so many tasks at once, in the order of their calls. */
export function createTurns(most: number): <T>(run: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (run) => {
    if (running < most) running++;
    else await new Promise<void>((resolve) => void waiting.push(resolve));
    try {
      return await run();
    } finally {
      // A task that waits takes the turn over.
      const next = waiting.shift();
      if (next === undefined) running--;
      else next();
    }
  };
}
