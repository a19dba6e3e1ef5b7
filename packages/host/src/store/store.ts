import { createHash } from 'node:crypto';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { closeToOthers, makePrivateFile } from '../files/private-files.ts';
import { StoreError, toStoreError } from './store-error.ts';
import { moveRows, type StoreUpgrade } from './upgrade.ts';

export interface StoreOptions {
  /** SQL that makes an empty file this store. A file that was made by other SQL is refused, unless a release had that SQL. */
  readonly schema: string;
  /** Released schemas from which rows are taken over. Default: none. */
  readonly upgrades?: readonly StoreUpgrade[];
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
  /**
   * Call it after old rows were deleted: it removes their content from all files of the store. Not within a transaction.
   * @returns false if another process reads the store: call it again later.
   */
  eraseDeleted(): boolean;
  close(): void;
}

/**
 * One SQLite file with a write-ahead log that is synced at every commit. So a committed row survives a crash and a power failure (see
 * withoutSync for the exception). Its files are for this user alone. `:memory:` is for tests.
 * @throws StoreError
 */
export function openStore(path: string, { schema, upgrades = [], busyTimeoutMs = 5000 }: StoreOptions): Store {
  if (path !== ':memory:') closeStoreFiles(path);
  const database = guard(path, () => new DatabaseSync(path, { timeout: busyTimeoutMs }));
  let erasedAt = -1;
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
    eraseDeleted() {
      return guard(path, () => {
        const changes = database.prepare('SELECT total_changes() AS n').get()?.n as number;
        if (changes === erasedAt) return true;
        if (!truncateLog(database, busyTimeoutMs)) return false;
        erasedAt = changes;
        return true;
      });
    },
    close() {
      if (database.isOpen) database.close();
    },
  };
  try {
    guard(path, () => {
      database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON');
      // Deleted rows are overwritten with zeros.
      database.exec('PRAGMA secure_delete = ON');
      createOrCheckSchema(database, { path, schema, upgrades });
    });
  } catch (error) {
    store.close();
    throw error;
  }
  return store;
}

/** SQLite makes the log and its index with the mode of the database; existing ones are closed too. */
function closeStoreFiles(path: string): void {
  try {
    makePrivateFile(path);
    for (const suffix of ['-wal', '-shm', '-journal']) closeToOthers(`${path}${suffix}`);
  } catch (cause) {
    throw new StoreError(
      'io',
      `the database ${path} cannot be opened for this user alone: ${(cause as Error).message}`,
      {
        cause,
      },
    );
  }
}

/** The log still holds rows as they were before they were deleted. @returns false if another process reads. */
function truncateLog(database: DatabaseSync, busyTimeoutMs: number): boolean {
  database.exec('PRAGMA busy_timeout = 0');
  try {
    return database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()?.busy === 0;
  } finally {
    database.exec(`PRAGMA busy_timeout = ${busyTimeoutMs}`);
  }
}

export function runTransaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    // On a full disk and similar errors SQLite rolls back by itself.
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

/** Runs work whose commits leave the write-ahead log to its next sync. The log is read from its beginning, so only its end can be lost. */
export function withoutSync<T>(database: DatabaseSync, work: () => T): T {
  database.exec('PRAGMA synchronous = NORMAL');
  try {
    return work();
  } finally {
    database.exec('PRAGMA synchronous = FULL');
  }
}

function createOrCheckSchema(
  database: DatabaseSync,
  { path, schema, upgrades }: Required<Pick<StoreOptions, 'schema' | 'upgrades'>> & { readonly path: string },
): void {
  const version = computeSchemaVersion(schema);
  const known = readVersion(database);
  if (known === version) return;
  const isReleased = upgrades.some(({ from }) => from === known);
  // It has no effect within a transaction.
  if (isReleased) database.exec('PRAGMA foreign_keys = OFF');
  runTransaction(database, () => {
    // Read again under the lock: another process may have made it meanwhile.
    const found = readVersion(database);
    if (found === version) return;
    const upgrade = upgrades.find(({ from }) => from === found);
    if (upgrade !== undefined) {
      moveRows(database, { path, schema, upgrade });
      database.exec(`PRAGMA user_version = ${version}`);
      return;
    }
    if (found !== 0 || database.prepare('SELECT 1 FROM sqlite_schema').get() !== undefined) {
      throw new StoreError(
        'version',
        `the database ${path} was made by another version of this program, or by another program. ` +
          'Let that program settle open orders, then move the file away and start again',
      );
    }
    database.exec(schema);
    database.exec(`PRAGMA user_version = ${version}`);
  });
  if (isReleased) database.exec('PRAGMA foreign_keys = ON');
}

/** A hash of the SQL, without its layout, so that a changed schema always gets another number. Positive, 31 bits. */
export function computeSchemaVersion(schema: string): number {
  const digest = createHash('sha256').update(schema.replace(/\s+/g, ' ').trim()).digest();
  return (digest.readUInt32BE() >>> 1) | 1;
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
