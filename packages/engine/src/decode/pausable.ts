/** Work that pauses at each promise it yields, and goes on when that promise is settled. */
export type Pausable<T> = Generator<Promise<unknown>, T, unknown>;

/** Waits for a value that may be there already; then it pauses nothing. */
export function* settle<T>(value: T | Promise<T>): Pausable<T> {
  return value instanceof Promise ? ((yield value) as T) : value;
}

/** Runs work up to its first pause. @returns its result, or a promise of it if the work paused. */
export function runPausable<T>(work: Pausable<T>): T | Promise<T> {
  const step = work.next();
  return step.done ? step.value : finish(work, step.value);
}

async function finish<T>(work: Pausable<T>, first: Promise<unknown>): Promise<T> {
  for (let pending = first; ; ) {
    const resume = await pending.then(
      (value) => () => work.next(value),
      (error) => () => work.throw(error),
    );
    const step = resume();
    if (step.done) return step.value;
    pending = step.value;
  }
}
