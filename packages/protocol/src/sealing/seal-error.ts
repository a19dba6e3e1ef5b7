export type SealErrorCode =
  | 'malformed'
  | 'too-large'
  /** It was sealed to a key that the recipient does not have, or no longer has. */
  | 'unknown-key'
  /** The data does not match its key: it was changed, belongs to another exchange, or could open in two ways. */
  | 'not-opened'
  /** A unit is missing, repeated or out of order. */
  | 'out-of-order'
  /** The stream ended before its last unit. */
  | 'truncated';

/** The error of sealed data that does not open. The message reveals no content. */
export class SealError extends Error {
  override readonly name = 'SealError';
  readonly code: SealErrorCode;
  readonly retryable = false;
  constructor(code: SealErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
