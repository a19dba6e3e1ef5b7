import type { Clock } from '../time/clock.ts';
import { type LogSync, syncLeftBehind } from './log-sync.ts';
import type { Store } from './store.ts';
import { runTransaction, withoutSync } from './store.ts';
import { StoreError, toStoreError } from './store-error.ts';

export interface GroupCommitOptions {
  /**
   * How long a write waits for other writes, ms. Default: 0. A commit takes all writes that arrived while the commit before it was synced,
   * so waiting gains little. A reply with three roles that commit in turn would wait three times.
   */
  readonly maxDelayMs?: number;
  /** Writes per transaction. */
  readonly maxBatch?: number;
  /** Writes that may wait; more are refused with 'busy'. */
  readonly maxQueue?: number;
  /** Times commits, so that they take a tenth of the time at most while many come. Default: a write never waits for that. */
  readonly clock?: Clock | undefined;
  /**
   * Syncs commits while the event loop continues. Readers see a row before it is on the disk. Before they pass it on, they read it by
   * `read`, or wait for `synced`. Default: each commit is synced before anything else happens.
   */
  readonly log?: LogSync | undefined;
}

export interface WriteOptions {
  /**
   * No caller waits for it: it goes with the next awaited write, or alone a little later. So under load most such writes cost no
   * transaction of their own. A power failure may undo it, see mayBeLost.
   */
  readonly mayWait?: boolean;
  /**
   * After a power failure it is repeated or not needed. A transaction of such writes alone is not synced. A transaction of such writes
   * alone is not synced. It survives the process, and reaches the disk with the next synced one. A power failure loses only the newest.
   */
  readonly mayBeLost?: boolean;
}

export interface GroupCommit {
  /**
   * Runs a write in the next transaction. Resolves after its COMMIT: the row is on the disk, unless it may be lost. A write that throws is
   * undone alone and rejects with its own error; a commit that fails rejects the whole batch. If the log is synced aside and that fails, it
   * rejects with 'io' and may be stored. So does every later write.
   */
  write<T>(work: (store: Store) => T, options?: WriteOptions): Promise<T>;
  /**
   * Resolves once all earlier commits are on the disk, except those that may be lost. It resolves at once if nothing is being written.
   * @throws StoreError `io` if a sync has failed.
   */
  synced(): Promise<void>;
  /** Reads values for others: resolves once all of them are on the disk. @throws StoreError */
  read<T>(query: (store: Store) => T): Promise<T>;
  /** See Store. If the log is synced on another thread, it is brought over there first. */
  eraseDeleted(): Promise<boolean>;
  /** Commits queued writes, then refuses further ones. */
  close(): Promise<void>;
}

interface Pending {
  readonly work: (store: Store) => unknown;
  readonly mayBeLost: boolean;
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
}

type Outcome = { readonly value: unknown } | { readonly error: unknown };

const LAZY_MS = 20;
/** A commit holds the event loop up until the disk has it. */
const COMMIT_SHARE = 0.1;
/** Time for which commits may follow each other without a pause. Occasional commits never wait. */
const BURST_MS = 10;
const LONGEST_PAUSE_MS = 10;

/** Many callers, one fsync: writes that arrive together share the cost of durability. */
export function createGroupCommit(store: Store, options: GroupCommitOptions = {}): GroupCommit {
  const { maxDelayMs = 0, maxBatch = 512, maxQueue = 16_384, clock, log } = options;
  const pace = clock && createPace(clock);
  const queue: Pending[] = [];
  let closed = false;
  /** Set after a failed write: the content of the disk is unknown, so every later commit is refused. */
  let broken: StoreError | undefined;
  /** Of the last commit that has to last, while its sync runs. */
  let syncing = log && syncLeftBehind(store, log);
  syncing?.catch(() => undefined);
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
    if (broken) {
      for (const { reject } of batch) reject(broken);
      if (queue.length > 0) schedule(maxDelayMs);
      return;
    }
    const work = () => settle(batch, commit(store, batch, log !== undefined));
    if (batch.length > 0) pace ? pace.time(work) : work();
    // The rest goes in a later turn, so that a long queue does not hold up the network.
    if (queue.length > 0) schedule(maxDelayMs);
  }

  /** Notifies writers once the writes that may not be lost are on the disk. */
  function settle(batch: readonly Pending[], committed: readonly Outcome[] | undefined): void {
    if (committed === undefined) return;
    if (log === undefined || batch.every(({ mayBeLost }) => mayBeLost)) {
      tellAll(batch, committed);
      return;
    }
    // A later sync that ends well proves nothing: if an earlier one lost data, the log ends there, whatever follows.
    const synced = log.sync().then(throwIfBroken, (error: StoreError) => {
      broken ??= error;
      throw broken;
    });
    syncing = synced;
    synced
      .then(
        () => tellAll(batch, committed),
        (error: StoreError) => {
          for (const { reject } of batch) reject(error);
        },
      )
      .finally(() => {
        if (syncing === synced) syncing = undefined;
      });
  }

  function throwIfBroken(): void {
    if (broken) throw broken;
  }

  async function waitForDisk(): Promise<void> {
    await syncing;
    throwIfBroken();
  }

  return {
    write<T>(work: (store: Store) => T, { mayWait = false, mayBeLost = mayWait }: WriteOptions = {}) {
      if (closed) return Promise.reject(new StoreError('closed', `the database ${store.path} is being closed`));
      if (broken) return Promise.reject(broken);
      if (queue.length >= maxQueue) {
        return Promise.reject(new StoreError('busy', `${queue.length} writes to ${store.path} are waiting already`));
      }
      return new Promise<T>((resolve, reject) => {
        queue.push({ work, mayBeLost, resolve: resolve as Pending['resolve'], reject });
        schedule(mayWait ? Math.max(maxDelayMs, LAZY_MS) : maxDelayMs);
      });
    },
    synced: waitForDisk,
    async read(query) {
      const found = store.read(query);
      await waitForDisk();
      return found;
    },
    async eraseDeleted() {
      await log?.bringOver();
      return store.eraseDeleted();
    },
    async close() {
      closed = true;
      while (queue.length > 0) flush();
      await log?.close();
    },
  };
}

interface Pace {
  /** How long the next commit waits, so that it takes more writes. */
  pauseMs(): number;
  time(commit: () => void): void;
}

/** Returns used time at a tenth of the speed of the clock. */
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

/** @param isSyncedLater by the caller. @returns undefined if nothing was committed and all callers have been notified. */
function commit(store: Store, batch: readonly Pending[], isSyncedLater: boolean): readonly Outcome[] | undefined {
  // One that is alone is undone with its transaction.
  const runOne = batch.length === 1 ? (work: Pending['work']) => ({ value: work(store) }) : runSavepoint(store);
  const runAll = () => runTransaction(store.database, () => batch.map(({ work }) => runOne(work)));
  try {
    const isUnsynced = isSyncedLater || batch.every(({ mayBeLost }) => mayBeLost);
    return isUnsynced ? withoutSync(store.database, runAll) : runAll();
  } catch (cause) {
    const error = toStoreError(cause, store.path);
    for (const { reject } of batch) reject(error);
    return undefined;
  }
}

function tellAll(batch: readonly Pending[], outcomes: readonly Outcome[]): void {
  batch.forEach(({ resolve, reject }, index) => {
    const outcome = outcomes[index] as Outcome;
    if ('error' in outcome) reject(outcome.error);
    else resolve(outcome.value as never);
  });
}

const runSavepoint =
  (store: Store) =>
  (work: (store: Store) => unknown): Outcome => {
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
  };
