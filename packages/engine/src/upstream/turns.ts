import { EngineError } from '../interface/engine-error.ts';

/** Places for replies that run at the same time, and a queue before them. */
export interface Turns {
  /** @returns a function that gives the place back. @throws EngineError 'overloaded' if the queue is full, 'cancelled' by the signal. */
  enter(signal: AbortSignal): Promise<() => void>;
}

export function createTurns({ sequences, maxQueue }: { readonly sequences: number; readonly maxQueue: number }): Turns {
  let running = 0;
  const waiting: (() => void)[] = [];
  const leave = (): void => {
    const next = waiting.shift();
    if (next === undefined) running--;
    else next();
  };
  return {
    async enter(signal) {
      if (running < sequences) {
        running++;
        return leave;
      }
      if (waiting.length >= maxQueue) {
        throw new EngineError('overloaded', `${maxQueue} requests wait for the upstream server already`, {
          retryable: true,
        });
      }
      await new Promise<void>((resolve, reject) => {
        const onAbort = (): void => {
          waiting.splice(waiting.indexOf(go), 1);
          reject(new EngineError('cancelled', 'the request was cancelled'));
        };
        const go = (): void => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        };
        waiting.push(go);
        signal.addEventListener('abort', onAbort, { once: true });
      });
      return leave;
    },
  };
}
