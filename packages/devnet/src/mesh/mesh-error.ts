export type MeshErrorCode =
  | 'already-running'
  | 'not-running'
  | 'did-not-start'
  | 'port-in-use'
  | 'damaged-state'
  | 'other-version'
  | 'bad-option';

export class MeshError extends Error {
  override readonly name = 'MeshError';
  readonly code: MeshErrorCode;
  readonly retryable: boolean;

  constructor(code: MeshErrorCode, message: string, options: ErrorOptions & { retryable?: boolean } = {}) {
    super(message, options);
    this.code = code;
    this.retryable = options.retryable ?? false;
  }
}
