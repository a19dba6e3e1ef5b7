export type EngineErrorCode =
  | 'model-not-found'
  | 'model-corrupt'
  | 'not-enough-memory'
  | 'unsupported-model'
  | 'prompt-too-long'
  | 'invalid-request'
  | 'overloaded'
  | 'engine-crashed'
  | 'engine-closed'
  | 'cancelled';

export class EngineError extends Error {
  readonly code: EngineErrorCode;
  readonly retryable: boolean;
  constructor(code: EngineErrorCode, message: string, options: { cause?: unknown; retryable?: boolean } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'EngineError';
    this.code = code;
    this.retryable = options.retryable ?? false;
  }
}
