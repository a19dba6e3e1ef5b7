import { Refusal } from '../link/link-error.ts';

export interface JobQueueOptions {
  readonly slots: number;
  readonly maxWaiting: number;
  /** Called with the number of waiting jobs, whenever it changes. */
  readonly onWaiting?: (count: number) => void;
}

export interface JobQueue {
  /**
   * Runs the work when a slot is free. Owners take turns, each owner's jobs in their order. In a full queue a new job of an owner with few
   * jobs replaces the newest job of the owner with the most. So nobody can fill the queue.
   * @param owner owner of the work. Default: one for all.
   * @throws Refusal when too many wait already, or the signal aborts before its turn.
   */
  run<T>(work: () => Promise<T>, signal: AbortSignal, owner?: string): Promise<T>;
}

interface Waiting {
  readonly start: () => void;
  readonly refuse: (message: string) => void;
}

export function createJobQueue({ slots, maxWaiting, onWaiting = () => {} }: JobQueueOptions): JobQueue {
  /** The first owner is served next; an owner that was served goes to the end. */
  const byOwner = new Map<string, Waiting[]>();
  let waiting = 0;
  let busy = 0;

  function remove(owner: string, entry: Waiting): void {
    const jobs = byOwner.get(owner) as Waiting[];
    jobs.splice(jobs.indexOf(entry), 1);
    if (jobs.length === 0) byOwner.delete(owner);
    onWaiting(--waiting);
  }

  function takeNext(): Waiting | undefined {
    const [first] = byOwner;
    if (first === undefined) return undefined;
    const [owner, jobs] = first;
    const next = jobs[0] as Waiting;
    remove(owner, next);
    byOwner.delete(owner);
    if (jobs.length > 0) byOwner.set(owner, jobs);
    return next;
  }

  /** @throws Refusal if no other owner has more waiting jobs. */
  function makeRoom(owner: string): void {
    const own = byOwner.get(owner)?.length ?? 0;
    const [largest] = [...byOwner].sort(([, a], [, b]) => b.length - a.length);
    if (largest === undefined || largest[1].length <= own + 1) {
      throw new Refusal('unavailable', `${waiting} jobs wait already; ask another verifier`);
    }
    largest[1].at(-1)?.refuse('others have fewer jobs waiting here; ask another verifier');
  }

  async function waitForSlot(signal: AbortSignal, owner: string): Promise<void> {
    if (busy < slots) {
      busy++;
      return;
    }
    if (waiting >= maxWaiting) makeRoom(owner);
    await new Promise<void>((resolve, reject) => {
      const entry: Waiting = {
        start() {
          signal.removeEventListener('abort', leave);
          resolve();
        },
        refuse(message) {
          signal.removeEventListener('abort', leave);
          remove(owner, entry);
          reject(new Refusal('unavailable', message));
        },
      };
      const leave = (): void => entry.refuse("the deadline passed before it was this job's turn");
      byOwner.set(owner, [...(byOwner.get(owner) ?? []), entry]);
      onWaiting(++waiting);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  return {
    async run(work, signal, owner = '') {
      if (signal.aborted) throw new Refusal('unavailable', 'the deadline has passed');
      await waitForSlot(signal, owner);
      try {
        return await work();
      } finally {
        // The slot is passed on directly. If it were freed first, a new job could take it.
        const next = takeNext();
        if (next) next.start();
        else busy--;
      }
    },
  };
}
