import { type FileHandle, open } from 'node:fs/promises';
import { createLogCheckpoints, type StartThread } from './log-checkpoints.ts';
import type { Store } from './store.ts';
import { StoreError } from './store-error.ts';

/** Brings a store's write-ahead log to the disk while the event loop goes on. */
export interface LogSync {
  /**
   * Resolves once all that was committed before the call is on the disk. A call during a sync shares the next one. Once one has failed all
   * fail: a kernel reports a failed write once, and forgets its data.
   * @throws StoreError `io`
   */
  sync(): Promise<void>;
  /** Brings the log into the database, if it is worth another thread. */
  bringOver(): Promise<void>;
  /** Rejects once a sync has failed, and never resolves: the process that wrote can only end. */
  readonly failed: Promise<never>;
  /** Resolves once requested work is done. */
  close(): Promise<void>;
}

/**
 * Works on another thread, through a handle of its own: a sync covers the file, regardless of the writer. SQLite locks the database and
 * never its log, so the handle's end releases no lock. The log is the same file as long as the database is open. Checkpoints are made on
 * another thread as well. @param startThread for them
 */
export function createLogSync(store: Pick<Store, 'path' | 'database'>, startThread?: StartThread): LogSync {
  const { path } = store;
  const checkpoints = createLogCheckpoints(store, startThread);
  let handle: FileHandle | undefined;
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  let failure: StoreError | undefined;
  const { promise: failed, reject: fail } = Promise.withResolvers<never>();
  failed.catch(() => undefined);

  async function syncNow(): Promise<void> {
    if (failure) throw failure;
    handle ??= await open(`${path}-wal`, 'r+');
    await handle.datasync();
    checkpoints.trigger();
  }

  function start(): Promise<void> {
    const started = syncNow()
      .catch((cause: Error) => {
        failure ??= new StoreError('io', `the database ${path} cannot be synced: ${cause.message}`, { cause });
        fail(failure);
        throw failure;
      })
      .finally(() => {
        if (running === started) running = undefined;
      });
    running = started;
    return started;
  }

  return {
    sync() {
      if (running === undefined) return start();
      // It may have begun before the last commit.
      const begin = (): Promise<void> => {
        next = undefined;
        return start();
      };
      next ??= running.then(begin, begin);
      return next;
    },
    bringOver: checkpoints.bringOver,
    failed,
    async close() {
      while (running ?? next) await (next ?? running)?.catch(() => undefined);
      await checkpoints.close();
      await handle?.close();
      handle = undefined;
    },
  };
}

/**
 * Syncs commits of a process that died before its sync. They go into the database itself, since a log whose sync has failed may look whole
 * from memory. If another process reads the database, the log is synced instead.
 * @returns undefined if it is there.
 */
export function syncLeftBehind(store: Pick<Store, 'eraseDeleted'>, log: LogSync): Promise<void> | undefined {
  return store.eraseDeleted() ? undefined : log.sync();
}
