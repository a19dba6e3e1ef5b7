/**
 * Passes a stream on until the signal fires. A stream that waits for bytes is left at once.
 * @param signal its reason is thrown when it fires.
 */
export async function* abortable<T>(stream: AsyncIterable<T>, signal: AbortSignal | undefined): AsyncGenerator<T> {
  if (signal === undefined) {
    yield* stream;
    return;
  }
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  aborted.catch(() => undefined);
  const stop = (): void => reject(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  const iterator = stream[Symbol.asyncIterator]();
  let isOpen = true;
  try {
    for (;;) {
      const { done, value } = await Promise.race([iterator.next(), aborted]);
      if (done === true) {
        isOpen = false;
        return;
      }
      yield value;
    }
  } finally {
    signal.removeEventListener('abort', stop);
    // A stream that waits answers late or never, so nobody waits for its end.
    if (isOpen) void Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}

/** Waits for a value until the signal fires: a source may not know the signal. */
export async function beforeEnd<T>(value: Promise<T>, ended: AbortSignal): Promise<T> {
  ended.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const stop = (): void => reject(ended.reason);
  ended.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([value, promise]);
  } finally {
    ended.removeEventListener('abort', stop);
  }
}
