export type ModelErrorCode =
  | 'bad-reference'
  | 'not-found'
  | 'network'
  | 'too-many-redirects'
  | 'wrong-hash'
  | 'disk-full'
  /** No converter exists for the model, or for a part of it. */
  | 'not-convertible'
  | 'corrupt'
  | 'cancelled';

/** A failure between a model's name and its bytes on this machine. */
export class ModelError extends Error {
  readonly code: ModelErrorCode;
  readonly retryable: boolean;
  constructor(code: ModelErrorCode, message: string, options: { cause?: unknown; retryable?: boolean } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ModelError';
    this.code = code;
    this.retryable = options.retryable ?? false;
  }
}
