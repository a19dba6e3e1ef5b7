export type MemoryStoreErrorCode =
  /** A superseded memory is no head any more, or an id is in use. */
  | 'conflict'
  /** A field breaks its rule. */
  | 'invalid'
  /** A text, a vector or a call is larger than the limit. */
  | 'too-large'
  /** The user has as many memories, notes or bytes of calls as the limits allow. */
  | 'full'
  /** The database was sealed under another master key. */
  | 'wrong-key'
  /** A sealed row does not open: it was changed, moved, or its key is missing. */
  | 'damaged'
  /** Another process reads the database. The erasure is done at the next one, or at the next start. */
  | 'busy';

/** No message has a text or a name of a user. */
export class MemoryStoreError extends Error {
  override readonly name = 'MemoryStoreError';
  readonly code: MemoryStoreErrorCode;
  readonly retryable: boolean;

  constructor(code: MemoryStoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.retryable = code === 'busy';
  }
}
