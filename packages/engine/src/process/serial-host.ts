import { EngineError } from '../interface/engine-error.ts';
import type { HostMessage } from './child-messages.ts';
import { toPlainError } from './plain-error.ts';

export interface SerialHostOptions<Call> {
  /** @param isCancelled is called between parts of the work; if it returns true, the call may throw. */
  readonly run: (call: Call, isCancelled: () => boolean) => Promise<unknown>;
  /** Noun of a call in messages, such as `step`. */
  readonly noun: string;
  /** Calls that wait at most. */
  readonly maxQueue: number;
  readonly send: (message: HostMessage) => void;
}

/** Runs the calls of its parent one after another. */
export interface SerialHost<Call> {
  call(id: number, call: Call): void;
  cancel(id: number): void;
  close(): void;
}

interface Job<Call> {
  readonly id: number;
  readonly call: Call;
  isCancelled: boolean;
}

export function createSerialHost<Call>({ run, noun, maxQueue, send }: SerialHostOptions<Call>): SerialHost<Call> {
  const jobs: Job<Call>[] = [];
  let running = false;
  const createCancelled = () => new EngineError('cancelled', `the ${noun} was cancelled`);

  const drain = async (): Promise<void> => {
    running = true;
    for (let job = jobs[0]; job !== undefined; job = jobs[0]) {
      const current = job;
      try {
        const value = await run(current.call, () => current.isCancelled);
        if (current.isCancelled) throw createCancelled();
        send({ kind: 'result', id: current.id, value });
      } catch (error) {
        send({ kind: 'error', id: current.id, error: toPlainError(error) });
      }
      jobs.shift();
      // Messages of the parent, such as a cancellation, are read between two jobs.
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    running = false;
  };

  return {
    call(id, call) {
      if (jobs.length > maxQueue) {
        const full = `${maxQueue} ${noun}s are waiting already; try again`;
        send({ kind: 'error', id, error: toPlainError(new EngineError('overloaded', full, { retryable: true })) });
        return;
      }
      jobs.push({ id, call, isCancelled: false });
      if (!running) void drain();
    },
    cancel(id) {
      const at = jobs.findIndex((job) => job.id === id);
      if (at < 0) return;
      (jobs[at] as Job<Call>).isCancelled = true;
      if (at === 0 && running) return;
      jobs.splice(at, 1);
      send({ kind: 'error', id, error: toPlainError(createCancelled()) });
    },
    close() {
      jobs.length = 0;
    },
  };
}
