export type TransferErrorCode =
  /** The registry names no manifest for the model. */
  | 'not-listed'
  /** The signature, the model root or the registry's entry of the manifest is wrong. */
  | 'bad-manifest'
  /** A file has not the content of its format. */
  | 'bad-content'
  /** A file has another SHA-256 than the manifest says. */
  | 'wrong-hash'
  /** No source is left that has the rest of a file. */
  | 'no-source'
  /** The disk has no room for the rest of the files. */
  | 'no-room'
  /** A file that is pushed changed meanwhile. */
  | 'changed'
  | 'cancelled';

/** The same call may succeed later, and continues from its blocks. */
const RETRYABLE: ReadonlySet<TransferErrorCode> = new Set(['no-source', 'no-room', 'changed', 'cancelled']);

export class TransferError extends Error {
  readonly code: TransferErrorCode;
  readonly retryable: boolean;
  constructor(code: TransferErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'TransferError';
    this.code = code;
    this.retryable = RETRYABLE.has(code);
  }
}
