import { Refusal } from '../link/link-error.ts';

export interface JobQueueOptions {
  readonly slots: number;
  readonly maxWaiting: number;
  /** Told how many wait, whenever that changes. */
  readonly onWaiting?: (count: number) => void;
}

export interface JobQueue {
  /**
   * Runs the work when a slot is free; first come, first served.
   * @throws Refusal when too many wait already, or the signal aborts before its turn.
   */
  run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T>;
}

export function createJobQueue({ slots, maxWaiting, onWaiting = () => {} }: JobQueueOptions): JobQueue {
  const queue: { readonly start: () => void }[] = [];
  let busy = 0;

  async function waitForSlot(signal: AbortSignal): Promise<void> {
    if (busy < slots) {
      busy++;
      return;
    }
    if (queue.length >= maxWaiting) {
      throw new Refusal('unavailable', `${queue.length} jobs wait already; ask another verifier`);
    }
    await new Promise<void>((resolve, reject) => {
      const entry = {
        start() {
          signal.removeEventListener('abort', leave);
          resolve();
        },
      };
      const leave = (): void => {
        queue.splice(queue.indexOf(entry), 1);
        onWaiting(queue.length);
        reject(new Refusal('unavailable', "the deadline passed before it was this job's turn"));
      };
      queue.push(entry);
      onWaiting(queue.length);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  return {
    async run(work, signal) {
      if (signal.aborted) throw new Refusal('unavailable', 'the deadline has passed');
      await waitForSlot(signal);
      try {
        return await work();
      } finally {
        // The slot is passed on directly. If it were freed first, a new job could take it.
        const next = queue.shift();
        if (next) {
          onWaiting(queue.length);
          next.start();
        } else busy--;
      }
    },
  };
}
