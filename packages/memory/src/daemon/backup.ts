import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { makePrivateDirectory, makePrivateFile } from '@ogong/host/files/private-files';
import { openStore, type Store } from '@ogong/host/store/store';
import { doWork } from '@ogong/host/store/work';
import { MEMORY_SCHEMA } from '../store/memory-schema.ts';
import { MEMORIES_FILE } from './open-store-files.ts';
import { dropUnmatched } from './unmatched-rows.ts';

export type MemoryBackupErrorCode = 'not-empty' | 'not-a-backup' | 'database';

export class MemoryBackupError extends Error {
  override readonly name = 'MemoryBackupError';
  readonly code: MemoryBackupErrorCode;
  readonly retryable = false;

  constructor(code: MemoryBackupErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

const KEY_TABLES = ['memory_user_keys', 'memory_row_keys'] as const;
const ROW_TABLES = ['memory_vault', 'memory_users', 'memory_entries', 'memory_rows', 'memory_erasures'] as const;

/** Copies the sealed rows into a new file; the daemon may run. No key is written there. @throws MemoryBackupError, StoreError */
export const backUpRows = (dataDir: string, path: string): void => copyTables(dataDir, path, ROW_TABLES);

/** Copies the wrapped keys into a new file; the daemon may run. @throws MemoryBackupError, StoreError */
export const backUpKeys = (dataDir: string, path: string): void => copyTables(dataDir, path, KEY_TABLES);

function copyTables(dataDir: string, path: string, tables: readonly string[]): void {
  const from = join(dataDir, MEMORIES_FILE);
  if (!existsSync(from)) throw new MemoryBackupError('not-a-backup', `${dataDir} has no store of memories`);
  assertNew(path);
  // The whole file is checked, and upgraded by nobody.
  openStore(from, { schema: MEMORY_SCHEMA }).close();
  const store = openStore(path, { schema: MEMORY_SCHEMA });
  try {
    attach(store, from, tables);
  } finally {
    store.close();
  }
}

/**
 * Makes a store of a backup and of keys. Rows of which the keys are missing do not open; they were deleted before the keys were copied.
 * @throws MemoryBackupError, StoreError
 */
export function restoreMemories(dataDir: string, rows: string, keys: string): void {
  const path = join(dataDir, MEMORIES_FILE);
  for (const given of [rows, keys])
    if (!existsSync(given)) throw new MemoryBackupError('not-a-backup', `there is no file ${given}`);
  makePrivateDirectory(dataDir);
  assertNew(path);
  for (const given of [rows, keys]) openStore(given, { schema: MEMORY_SCHEMA }).close();
  const store = openStore(path, { schema: MEMORY_SCHEMA });
  try {
    attach(store, rows, ROW_TABLES);
    attach(store, keys, KEY_TABLES);
    store.transact(() => doWork(store, dropUnmatched()));
  } finally {
    store.close();
  }
}

/** Reads one state of the other file. */
function attach(store: Store, from: string, tables: readonly string[]): void {
  store.database.prepare('ATTACH DATABASE ? AS origin').run(from);
  try {
    store.transact(({ database }) => {
      for (const table of tables) database.exec(`INSERT INTO ${table} SELECT * FROM origin.${table}`);
    });
  } finally {
    store.database.exec('DETACH DATABASE origin');
  }
}

function assertNew(path: string): void {
  if (existsSync(path)) throw new MemoryBackupError('not-empty', `${path} is there already: name a new file`);
  makePrivateFile(path);
}
