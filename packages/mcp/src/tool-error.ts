/** `busy`: too many calls run. `budget`: the limit of spending is reached. `input`: the arguments cannot be used. */
export type ToolErrorCode = 'busy' | 'budget' | 'input';

/** A call that cannot be served. The agent reads its message. */
export class ToolError extends Error {
  override readonly name = 'ToolError';
  readonly code: ToolErrorCode;
  readonly retryable: boolean;

  constructor(code: ToolErrorCode, message: string, options: { readonly cause?: unknown } = {}) {
    super(message, options);
    this.code = code;
    this.retryable = code === 'busy';
  }
}
