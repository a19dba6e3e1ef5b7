import type { Clock } from '../time/clock.ts';
import type { Store } from './store.ts';
import { runTransaction } from './store.ts';
import { StoreError, toStoreError } from './store-error.ts';

export interface GroupCommitOptions {
  /**
   * How long a write waits for other writes, ms. Default: 0. A commit takes all writes that arrived while the commit before it
   * was synced, so waiting gains little; and a reply where three roles commit one after the other would wait three times.
   */
  readonly maxDelayMs?: number;
  /** Writes per transaction. */
  readonly maxBatch?: number;
  /** Writes that may wait; more are refused with 'busy'. */
  readonly maxQueue?: number;
  /** Times commits, so that they take a tenth of the time at most while many come. Default: a write never waits for that. */
  readonly clock?: Clock | undefined;
}

export interface WriteOptions {
  /**
   * Nobody waits for it: it goes with the next write that somebody waits for, or by itself a little later. Under load most such writes
   * then cost no sync of their own.
   */
  readonly mayWait?: boolean;
}

export interface GroupCommit {
  /**
   * Runs a write in the next transaction. Resolves after its COMMIT: the row is on the disk. A write that throws is
   * undone alone and rejects with its own error; a commit that fails rejects the whole batch.
   */
  write<T>(work: (store: Store) => T, options?: WriteOptions): Promise<T>;
  /** Commits what is queued, then refuses. */
  close(): Promise<void>;
}

interface Pending {
  readonly work: (store: Store) => unknown;
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
}

type Outcome = { readonly value: unknown } | { readonly error: unknown };

const LAZY_MS = 20;
/** A commit holds the event loop up until the disk has it. */
const COMMIT_SHARE = 0.1;
/** So long commits may take at once before the next one waits: those that come now and then never do. */
const BURST_MS = 10;
const LONGEST_PAUSE_MS = 10;

/** Many callers, one fsync: writes that arrive together share the cost of durability. */
export function createGroupCommit(store: Store, options: GroupCommitOptions = {}): GroupCommit {
  const { maxDelayMs = 0, maxBatch = 512, maxQueue = 16_384, clock } = options;
  const pace = clock && createPace(clock);
  const queue: Pending[] = [];
  let closed = false;
  let scheduled: { readonly delayMs: number; cancel(): void } | undefined;

  function schedule(wantedMs: number): void {
    const delayMs = queue.length >= maxBatch ? 0 : Math.max(wantedMs, pace?.pauseMs() ?? 0);
    if (scheduled !== undefined && scheduled.delayMs <= delayMs) return;
    scheduled?.cancel();
    if (delayMs === 0) {
      const immediate = setImmediate(flush);
      scheduled = { delayMs, cancel: () => clearImmediate(immediate) };
    } else {
      const timer = setTimeout(flush, delayMs);
      scheduled = { delayMs, cancel: () => clearTimeout(timer) };
    }
  }

  function flush(): void {
    scheduled?.cancel();
    scheduled = undefined;
    const batch = queue.splice(0, maxBatch);
    const work = () => commit(store, batch);
    if (batch.length > 0) pace ? pace.time(work) : work();
    // The rest goes in a later turn, so that a long queue does not hold up the network.
    if (queue.length > 0) schedule(maxDelayMs);
  }

  return {
    write<T>(work: (store: Store) => T, { mayWait = false }: WriteOptions = {}) {
      if (closed) return Promise.reject(new StoreError('closed', `the database ${store.path} is being closed`));
      if (queue.length >= maxQueue) {
        return Promise.reject(new StoreError('busy', `${queue.length} writes to ${store.path} are waiting already`));
      }
      return new Promise<T>((resolve, reject) => {
        queue.push({ work, resolve: resolve as Pending['resolve'], reject });
        schedule(mayWait ? Math.max(maxDelayMs, LAZY_MS) : maxDelayMs);
      });
    },
    async close() {
      closed = true;
      while (queue.length > 0) flush();
    },
  };
}

interface Pace {
  /** How long the next commit waits, so that it takes more writes. */
  pauseMs(): number;
  time(commit: () => void): void;
}

/** What commits took comes back at a tenth of the time that goes by. */
function createPace({ nowMs }: Clock): Pace {
  let leftMs = BURST_MS;
  let atMs = nowMs();
  const renew = (): void => {
    const now = nowMs();
    leftMs = Math.min(BURST_MS, leftMs + (now - atMs) * COMMIT_SHARE);
    atMs = now;
  };
  return {
    pauseMs() {
      renew();
      return leftMs >= 0 ? 0 : Math.min(LONGEST_PAUSE_MS, -leftMs / COMMIT_SHARE);
    },
    time(commit) {
      const startMs = nowMs();
      commit();
      renew();
      leftMs = Math.max(-BURST_MS, leftMs - (nowMs() - startMs));
    },
  };
}

function commit(store: Store, batch: readonly Pending[]): void {
  let outcomes: readonly Outcome[];
  try {
    outcomes = runTransaction(store.database, () => batch.map(({ work }) => runSavepoint(store, work)));
  } catch (cause) {
    const error = toStoreError(cause, store.path);
    for (const { reject } of batch) reject(error);
    return;
  }
  batch.forEach(({ resolve, reject }, index) => {
    const outcome = outcomes[index] as Outcome;
    if ('error' in outcome) reject(outcome.error);
    else resolve(outcome.value as never);
  });
}

function runSavepoint(store: Store, work: (store: Store) => unknown): Outcome {
  const { database } = store;
  store.prepare('SAVEPOINT one_write').run();
  try {
    const value = work(store);
    store.prepare('RELEASE one_write').run();
    return { value };
  } catch (cause) {
    const error = toStoreError(cause, store.path);
    // If the storage fails in one write, the transaction is gone, so the whole batch fails.
    if (error instanceof StoreError || !database.isTransaction) throw error;
    database.exec('ROLLBACK TO one_write; RELEASE one_write');
    return { error };
  }
}
