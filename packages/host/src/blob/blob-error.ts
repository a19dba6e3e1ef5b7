/**
 * - `withheld`: the provider refused, did not answer in time, or sent fewer chunks than the blob has. The cause is the LinkError, if
 *   there is one.
 * - `wrong-chunk`: a chunk came that the reference does not name.
 * - `too-large`: the reference names more bytes than the reader takes. Nothing was asked.
 */
export type BlobErrorCode = 'withheld' | 'wrong-chunk' | 'too-large';

/** The reason that a blob is not here. */
export class BlobError extends Error {
  override readonly name = 'BlobError';
  readonly code: BlobErrorCode;
  readonly retryable: boolean;

  constructor(code: BlobErrorCode, message: string, options: ErrorOptions & { readonly retryable?: boolean } = {}) {
    super(message, options);
    this.code = code;
    this.retryable = options.retryable ?? false;
  }
}
