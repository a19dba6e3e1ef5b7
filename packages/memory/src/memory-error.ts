/**
 * `too-large`: the input is beyond a limit. `malformed`: the input has another form. `model`: the answer of a model cannot be read.
 * `conflict`: other calls changed the same memories at the same time; retry. `busy`: too much waits already; retry.
 */
export type MemoryErrorCode = 'too-large' | 'malformed' | 'model' | 'conflict' | 'busy';

export class MemoryError extends Error {
  override readonly name = 'MemoryError';
  readonly code: MemoryErrorCode;
  readonly retryable: boolean;

  constructor(code: MemoryErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
    this.retryable = code === 'conflict' || code === 'busy';
  }
}
