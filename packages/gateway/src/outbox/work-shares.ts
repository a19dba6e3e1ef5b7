import type { WorkStore } from '@ogong/host/store/work-store';
import { createRepeating } from '@ogong/host/time/repeat';

/**
 * Divides work that any gateway of a store could do, such as asking a validator about an order. While
 * they disagree, since one came or went, some work is done twice or a little later; nothing is left undone.
 */
export interface WorkShares {
  start(): void;
  stop(): Promise<void>;
  /** @param id of the work; the same at all gateways. */
  isMine(id: string): boolean;
}

export interface WorkSharesDependencies {
  readonly books: Pick<WorkStore, 'isShared' | 'listPeers'>;
  readonly onError?: (error: unknown) => void;
}

const INTERVAL_MS = 2_000;

export function createWorkShares({ books, onError }: WorkSharesDependencies): WorkShares {
  // A worker that does not know the others does everything.
  let peers = { own: 0, all: [0] as readonly number[] };
  const repeating = createRepeating(
    { intervalMs: INTERVAL_MS },
    async () => {
      peers = await books.listPeers();
    },
    onError,
  );
  return {
    start() {
      if (books.isShared) repeating.start();
    },
    stop: repeating.stop,
    isMine: (id) => peers.all.length < 2 || chooseWorker(peers.all, id) === peers.own,
  };
}

/**
 * Chooses the worker with the largest hash. If a worker comes or goes, only its own work changes hands (rendezvous hashing,
 * Thaler and Ravishankar 1996).
 */
export function chooseWorker(workers: readonly number[], id: string): number | undefined {
  let chosen: number | undefined;
  let largest = -1;
  for (const worker of workers) {
    const hash = mix(`${worker} ${id}`);
    if (hash < largest || (hash === largest && worker > (chosen as number))) continue;
    largest = hash;
    chosen = worker;
  }
  return chosen;
}

/** FNV-1a, and the last steps of MurmurHash3: FNV's high bits alone hardly depend on the last characters. */
function mix(words: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < words.length; i++) hash = Math.imul(hash ^ words.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
