import { DatabaseSync } from 'node:sqlite';
import { getLoadablePath } from 'sqlite-vec';

/** A row with a vector of 384 values has 1.6 KiB: pages of 16 KiB waste little of each, and a small index takes few. */
const PAGE_BYTES = 16_384;

/** Opens an empty database in memory with the functions of sqlite-vec. It loads no other extension later. */
export function openVectorDatabase(): DatabaseSync {
  const database = new DatabaseSync(':memory:', { allowExtension: true });
  database.loadExtension(getLoadablePath());
  database.enableLoadExtension(false);
  // Deleted rows are overwritten with zeros.
  database.exec(`PRAGMA page_size = ${PAGE_BYTES}; PRAGMA secure_delete = ON`);
  return database;
}
