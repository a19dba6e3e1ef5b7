/**
 * Passes values to a reader one at a time: `send` waits until the reader has taken the value. So a slow reader holds the sender
 * back. Once the reader is gone, `send` returns false at once.
 */
export interface Handoff<T> {
  /** False if nobody reads any more. */
  send(value: T): Promise<boolean>;
  /** No more values; with an error, the reader fails with it. */
  end(error?: unknown): void;
  read(): AsyncGenerator<T, void, undefined>;
}

export function createHandoff<T>(onReaderGone: () => void = () => {}): Handoff<T> {
  let waiting: { readonly value: T; readonly taken: (read: boolean) => void } | undefined;
  let ended: { readonly error: unknown } | undefined;
  let isReaderGone = false;
  let wake = (): void => {};

  return {
    send(value) {
      if (isReaderGone) return Promise.resolve(false);
      return new Promise((resolve) => {
        waiting = { value, taken: resolve };
        wake();
      });
    },
    end(error) {
      ended ??= { error };
      wake();
    },
    async *read() {
      try {
        for (;;) {
          if (waiting) {
            const current = waiting;
            // The generator resumes when the reader asks for the next value, that is, when it has processed this one.
            yield current.value;
            waiting = undefined;
            current.taken(true);
          } else if (ended) {
            if (ended.error !== undefined) throw ended.error;
            return;
          } else {
            await new Promise<void>((resolve) => {
              wake = resolve;
            });
          }
        }
      } finally {
        isReaderGone = true;
        waiting?.taken(false);
        onReaderGone();
      }
    },
  };
}
