export type StoreErrorCode = 'disk-full' | 'io' | 'corrupt' | 'busy' | 'read-only' | 'version' | 'closed';

/** Nothing that failed with this error was stored. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: StoreErrorCode;
  readonly retryable: boolean;

  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.retryable = code === 'busy';
  }
}

/** SQLite's primary result codes, https://sqlite.org/rescode.html; the extended ones carry more in the upper bits. */
const SQLITE_CODES: Readonly<Record<number, readonly [StoreErrorCode, string]>> = {
  5: ['busy', 'is in use by another process'],
  6: ['busy', 'is in use by another connection'],
  8: ['read-only', 'is read-only'],
  10: ['io', 'cannot be read or written: the disk reports an error'],
  11: ['corrupt', 'is damaged: restore it from a backup'],
  13: ['disk-full', 'cannot grow: the disk is full'],
  14: ['io', 'cannot be opened: check that its directory exists and is writable'],
  26: ['corrupt', 'is not a database'],
};

/** Failures of the storage become StoreErrors; mistakes in SQL and broken constraints stay unchanged. */
export function toStoreError(error: unknown, path: string): unknown {
  const known = isSqliteError(error) ? SQLITE_CODES[error.errcode & 0xff] : undefined;
  return known ? new StoreError(known[0], `the database ${path} ${known[1]}`, { cause: error }) : error;
}

function isSqliteError(error: unknown): error is Error & { readonly errcode: number } {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number';
}
