import { createGroupCommit, type GroupCommitOptions, type WriteOptions } from './group-commit.ts';
import type { Store } from './store.ts';
import { doWork, type Work } from './work.ts';

export interface WorkOptions extends WriteOptions {
  /**
   * Names of all that this work reads and writes, so that works of other processes that share no name with it need not wait. A work shares
   * a name with another if it writes rows that the other reads. No names mean that nobody else has such a row. Default: everything.
   */
  readonly touches?: readonly string[] | undefined;
}

/** A store for one process (SQLite) or for several at once (PostgreSQL). Both run the same work. */
export interface WorkStore {
  /** Its location, without a secret. */
  readonly path: string;
  /** Whether other processes write to it, too. */
  readonly isShared: boolean;
  /** Each statement sees the commits before it. */
  read<T>(work: () => Work<T>): Promise<T>;
  /** Statements that all see the same rows, even if others write meanwhile. */
  snapshot<T>(work: () => Work<T>): Promise<T>;
  /**
   * As if one after the other with all other writes, those of other processes too. Durable when it resolves; undone as a whole if the
   * work throws.
   * @throws StoreError `io` if the connection to a database broke: then it may be stored.
   */
  write<T>(work: () => Work<T>, options?: WorkOptions): Promise<T>;
  /** Runs this while no other process runs work of the same name. */
  alone<T>(name: string, run: () => Promise<T>): Promise<T>;
  /**
   * Numbers of the processes that share this store and have asked for this since they started: this one's, and those of all. A process that
   * dies is listed until the store notices.
   */
  listPeers(): Promise<{ readonly own: number; readonly all: readonly number[] }>;
  /**
   * Removes the content of deleted rows from the store's files. Does nothing if the database does so by itself.
   * @returns false if another process reads the store: call it again later.
   */
  eraseDeleted(): Promise<boolean>;
  /** Ends what is queued; later writes are refused. */
  close(): Promise<void>;
}

/** The caller closes the store itself. @param options see GroupCommitOptions. */
export function createWorkStore(store: Store, options: Pick<GroupCommitOptions, 'clock' | 'log'> = {}): WorkStore {
  const group = createGroupCommit(store, options);
  return {
    path: store.path,
    isShared: false,
    read: async (work) => store.read(() => doWork(store, work())),
    snapshot: async (work) => store.transact(() => doWork(store, work())),
    write: (work, options) => group.write(() => doWork(store, work()), options),
    alone: (_name, run) => run(),
    listPeers: async () => ({ own: 0, all: [0] }),
    eraseDeleted: group.eraseDeleted,
    close: group.close,
  };
}
