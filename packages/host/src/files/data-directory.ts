import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writePrivateFile } from './private-files.ts';

/** Mark of a directory whose last state went into a backup, to continue elsewhere. */
export const HANDED_OVER_FILE = 'handed-over.json';
/** In a directory that came out of a backup. */
export const RESTORED_FILE = 'restored.json';

export interface RestoredMark {
  /** When the backup was made, and when it was restored: Unix time, ms. */
  readonly copiedAtMs: number;
  readonly restoredAtMs: number;
  /** Nothing was signed after the copy: the directory that it was made of was handed over. */
  readonly isFinal: boolean;
}

export type DataDirectoryErrorCode = 'handed-over' | 'older-copy' | 'malformed';

export class DataDirectoryError extends Error {
  override readonly name = 'DataDirectoryError';
  readonly code: DataDirectoryErrorCode;
  readonly retryable = false;

  constructor(code: DataDirectoryErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * Prepares a data directory before a daemon opens it.
 * @returns the mark of the backup from which the directory was restored, if it was. @throws DataDirectoryError if its state continues
 * elsewhere.
 */
export function enterDataDirectory(directory: string): RestoredMark | undefined {
  if (existsSync(join(directory, HANDED_OVER_FILE))) {
    throw new DataDirectoryError(
      'handed-over',
      `${directory} was handed over to a backup, and two daemons of one key contradict each other: start the one that was ` +
        `restored. If none was and none will be, delete ${HANDED_OVER_FILE} there`,
    );
  }
  const path = join(directory, RESTORED_FILE);
  return existsSync(path) ? parseRestored(path, readFileSync(path, 'utf8')) : undefined;
}

/**
 * The same for a role that can be convicted by two conflicting statements: it starts from its last state only. An older copy does not know
 * later signatures.
 * @throws DataDirectoryError
 */
export function enterLatestDirectory(directory: string): void {
  const restored = enterDataDirectory(directory);
  if (restored === undefined || restored.isFinal) return;
  throw new DataDirectoryError(
    'older-copy',
    `${directory} is a copy of ${new Date(restored.copiedAtMs).toISOString()}. It lacks later signatures of its key, ` +
      'and a conflicting signature costs the bond. Use its keys to take the bond back, and register a new account ' +
      '(docs/backup.md#validators-and-signers)',
  );
}

/** Removes the mark: the daemon has its content in its own store now. */
export function forgetRestored(directory: string): void {
  rmSync(join(directory, RESTORED_FILE), { force: true });
}

export function markRestored(directory: string, mark: RestoredMark): void {
  writePrivateFile(join(directory, RESTORED_FILE), `${JSON.stringify(mark)}\n`);
}

export function markHandedOver(directory: string, nowMs: number): void {
  writePrivateFile(join(directory, HANDED_OVER_FILE), `${JSON.stringify({ handedOverAtMs: nowMs })}\n`);
}

export function unmarkHandedOver(directory: string): void {
  rmSync(join(directory, HANDED_OVER_FILE), { force: true });
}

function parseRestored(path: string, text: string): RestoredMark {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  const { copiedAtMs, restoredAtMs, isFinal } = (value ?? {}) as Partial<RestoredMark>;
  if (Number.isSafeInteger(copiedAtMs) && Number.isSafeInteger(restoredAtMs) && typeof isFinal === 'boolean') {
    return { copiedAtMs: copiedAtMs as number, restoredAtMs: restoredAtMs as number, isFinal };
  }
  throw new DataDirectoryError(
    'malformed',
    `${path} is not what ogong backup restore writes: restore the backup again`,
  );
}
