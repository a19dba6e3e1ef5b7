import { createGroupCommit, type GroupCommitOptions, type WriteOptions } from './group-commit.ts';
import type { Store } from './store.ts';
import { doWork, type Work } from './work.ts';

export interface WorkOptions extends WriteOptions {
  /**
   * Names of all that this work reads and writes, so that works of other processes that share no name with it need not wait. Works of which
   * the rows of one are written by the other have a name in common; no names, where nobody else has such a row. Default: everything.
   */
  readonly touches?: readonly string[] | undefined;
}

/** A store for one process (SQLite) or for several at once (PostgreSQL). Both run the same work. */
export interface WorkStore {
  /** Where it is, without a secret. */
  readonly path: string;
  /** Whether other processes write to it, too. */
  readonly isShared: boolean;
  /** Each statement sees what is committed when it runs. */
  read<T>(work: () => Work<T>): Promise<T>;
  /** Statements that all see the same rows, whoever writes meanwhile. */
  snapshot<T>(work: () => Work<T>): Promise<T>;
  /**
   * As if one after the other with all other writes, those of other processes too. Durable when it resolves; undone as a whole where
   * the work throws.
   * @throws StoreError `io` where the connection to a database broke: then it may be stored.
   */
  write<T>(work: () => Work<T>, options?: WorkOptions): Promise<T>;
  /** Runs this while no other process runs what has the same name. */
  alone<T>(name: string, run: () => Promise<T>): Promise<T>;
  /**
   * Numbers of the processes that share this store and have asked for this since they started: this one's, and those of all. One that
   * dies is listed until the store knows.
   */
  listPeers(): Promise<{ readonly own: number; readonly all: readonly number[] }>;
  /** What was deleted stands in none of the store's files then. Nothing where a database does that by itself. */
  eraseDeleted(): Promise<void>;
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
    async eraseDeleted() {
      await group.eraseDeleted();
    },
    close: group.close,
  };
}
