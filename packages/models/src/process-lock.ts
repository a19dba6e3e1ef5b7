import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { ModelError } from './model-error.ts';

const POLL_MS = 25;
const SQLITE_BUSY = 5;

/**
 * Runs alone among all processes that name the same lock file. The lock is an exclusive transaction of SQLite on an empty
 * database. The operating system releases it when its owner ends for any reason, so no process has to decide whether another
 * is dead. The file is never deleted: otherwise a second lock could exist beside one that is held.
 * @throws ModelError('corrupt') where the file is no lock, ('cancelled') where the signal fires while waiting.
 */
export async function withProcessLock<T>(path: string, run: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    while (!tryLock(database, path)) await pause(signal);
    return await run();
  } finally {
    // Ends the transaction too.
    database.close();
  }
}

function tryLock(database: DatabaseSync, path: string): boolean {
  try {
    database.exec('BEGIN EXCLUSIVE');
    return true;
  } catch (cause) {
    if ((cause as { errcode?: number }).errcode === SQLITE_BUSY) return false;
    throw new ModelError('corrupt', `${path} cannot be locked: ${(cause as Error).message}; delete it and try again`, {
      cause,
    });
  }
}

async function pause(signal: AbortSignal | undefined): Promise<void> {
  try {
    await delay(POLL_MS, undefined, signal && { signal });
  } catch (cause) {
    throw new ModelError('cancelled', 'waiting for another process that brings the model was cancelled', { cause });
  }
}
