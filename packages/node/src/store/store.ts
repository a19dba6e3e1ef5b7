import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { StoreError, toStoreError } from './store-error.ts';

/** SQL, or code where SQL does not do. */
export type Migration = string | ((database: DatabaseSync) => void);

export interface StoreOptions {
  /** Appended to, never edited: migration i takes a database from version i to i + 1. */
  readonly migrations: readonly Migration[];
  /** How long to wait for another process that holds the lock, ms. */
  readonly busyTimeoutMs?: number;
}

export interface Store {
  readonly path: string;
  readonly database: DatabaseSync;
  /** Parses a statement once. Its failures are raw: run it inside read, transact or a group commit. */
  prepare(sql: string): StatementSync;
  read<T>(query: (store: Store) => T): T;
  /** Durable when it returns; undone as a whole when the work throws. Does not nest. */
  transact<T>(work: (store: Store) => T): T;
  close(): void;
}

/**
 * One SQLite file, written ahead and synced at every commit, so that a committed row outlives the process and the
 * power. `:memory:` is for tests.
 * @throws StoreError
 */
export function openStore(path: string, { migrations, busyTimeoutMs = 5000 }: StoreOptions): Store {
  const database = guard(path, () => new DatabaseSync(path, { timeout: busyTimeoutMs }));
  const statements = new Map<string, StatementSync>();
  const store: Store = {
    path,
    database,
    prepare(sql) {
      let statement = statements.get(sql);
      if (!statement) {
        statement = database.prepare(sql);
        statements.set(sql, statement);
      }
      return statement;
    },
    read: (query) => guard(path, () => query(store)),
    transact: (work) => guard(path, () => runTransaction(database, () => work(store))),
    close() {
      if (database.isOpen) database.close();
    },
  };
  try {
    guard(path, () => {
      database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON');
      migrate(database, path, migrations);
    });
  } catch (error) {
    store.close();
    throw error;
  }
  return store;
}

export function runTransaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    // SQLite rolls back by itself on a full disk and its like.
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

function migrate(database: DatabaseSync, path: string, migrations: readonly Migration[]): void {
  const target = migrations.length;
  if (readVersion(database) === target) return;
  runTransaction(database, () => {
    // Read again under the lock: another process may have migrated meanwhile.
    const version = readVersion(database);
    if (version > target) {
      const message = `the database ${path} has version ${version}, this program knows ${target}: use a newer program`;
      throw new StoreError('version', message);
    }
    for (const migration of migrations.slice(version)) {
      if (typeof migration === 'string') database.exec(migration);
      else migration(database);
    }
    database.exec(`PRAGMA user_version = ${target}`);
  });
}

function readVersion(database: DatabaseSync): number {
  return database.prepare('PRAGMA user_version').get()?.user_version as number;
}

function guard<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw toStoreError(error, path);
  }
}
