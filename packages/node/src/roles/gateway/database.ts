import { DatabaseSync } from 'node:sqlite';

const SCHEMA = `
CREATE TABLE IF NOT EXISTS channels (
  validator TEXT PRIMARY KEY,
  cumulative TEXT NOT NULL,
  owed TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS orders (
  reply_id TEXT PRIMARY KEY,
  completion_id TEXT NOT NULL,
  choice INTEGER NOT NULL,
  validator TEXT NOT NULL,
  key_id TEXT NOT NULL,
  max_fee TEXT NOT NULL,
  cumulative TEXT NOT NULL,
  order_bytes BLOB NOT NULL,
  signature BLOB NOT NULL,
  created_ms INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL,
  state TEXT NOT NULL,
  verdict TEXT NOT NULL,
  fee TEXT,
  detail TEXT NOT NULL,
  settlement TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS orders_unsettled ON orders (created_ms) WHERE state <> 'closed';
CREATE INDEX IF NOT EXISTS orders_by_completion ON orders (completion_id, choice);
CREATE TABLE IF NOT EXISTS spending (key_id TEXT PRIMARY KEY, spent TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS receipts (
  reply_id TEXT PRIMARY KEY,
  receipt BLOB NOT NULL,
  opening BLOB NOT NULL,
  request BLOB NOT NULL,
  response BLOB NOT NULL,
  checks TEXT NOT NULL,
  created_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS receipts_by_age ON receipts (created_ms);
CREATE TABLE IF NOT EXISTS complaints (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  validator TEXT NOT NULL,
  message BLOB NOT NULL,
  attempts INTEGER NOT NULL,
  next_ms INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL
) STRICT;
`;

/** The gateway's memory. Money is TEXT: amounts have 128 bits, SQLite's integers 64. */
export interface GatewayDatabase {
  readonly sql: DatabaseSync;
  /** All or nothing, and on the disk when it returns. */
  transact<T>(work: () => T): T;
  close(): void;
}

export function openDatabase(path: string): GatewayDatabase {
  const sql = new DatabaseSync(path);
  // FULL: a commit that returned survives a power cut, and with it the promise that no voucher is forgotten.
  sql.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000;');
  sql.exec(SCHEMA);
  return {
    sql,
    transact(work) {
      sql.exec('BEGIN IMMEDIATE');
      try {
        const result = work();
        sql.exec('COMMIT');
        return result;
      } catch (error) {
        sql.exec('ROLLBACK');
        throw error;
      }
    },
    close: () => sql.close(),
  };
}
