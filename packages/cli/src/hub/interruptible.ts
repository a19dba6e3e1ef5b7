/** Runs a call with a signal that Ctrl-C fires. */
export async function interruptible<T>(run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stopping = new AbortController();
  const stop = (): void => stopping.abort();
  process.once('SIGINT', stop);
  try {
    return await run(stopping.signal);
  } finally {
    process.off('SIGINT', stop);
  }
}
