export type SealErrorCode =
  | 'malformed'
  | 'too-large'
  /** It was sealed to a key that the recipient does not hold, or no more. */
  | 'unknown-key'
  /** What came does not fit to the key that it names: changed, of another exchange, or made to open in two ways. */
  | 'not-opened'
  /** A unit that is missing, comes twice, or not in its turn. */
  | 'out-of-order'
  /** The stream ended before its last unit. */
  | 'truncated';

/** Something sealed that does not open. The message names no content. */
export class SealError extends Error {
  override readonly name = 'SealError';
  readonly code: SealErrorCode;
  readonly retryable = false;
  constructor(code: SealErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
