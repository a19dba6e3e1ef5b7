import { setTimeout as delay } from 'node:timers/promises';

export interface Repeating {
  start(): void;
  /** Does it now, or joins the run that is under way. */
  trigger(): Promise<void>;
  /** Waits for the run that is under way. */
  stop(): Promise<void>;
}

/** Does something again and again, one run at a time, with a pause between two runs. A failed run never ends it. */
export function createRepeating(
  { intervalMs }: { readonly intervalMs: number },
  run: (signal: AbortSignal) => Promise<void>,
  onError: (error: unknown) => void = () => {},
): Repeating {
  const stopping = new AbortController();
  let running: Promise<void> | undefined;
  let loop: Promise<void> | undefined;

  function trigger(): Promise<void> {
    running ??= run(stopping.signal).finally(() => {
      running = undefined;
    });
    return running;
  }

  return {
    start() {
      loop ??= (async () => {
        while (!stopping.signal.aborted) {
          await trigger().catch((error: unknown) => {
            if (!stopping.signal.aborted) onError(error);
          });
          await delay(intervalMs, undefined, { signal: stopping.signal }).catch(() => undefined);
        }
      })();
    },
    trigger,
    async stop() {
      stopping.abort();
      await loop;
      await running?.catch(() => undefined);
    },
  };
}
