export type ChainErrorCode =
  | 'rpc-unreachable'
  | 'reverted'
  | 'timeout'
  /** More gas than one transaction may take. */
  | 'too-costly'
  | 'wrong-chain'
  | 'no-account'
  | 'bad-input'
  | 'dev-chain';

/** What a contract refused with: the name of its custom error and the arguments. */
export interface Revert {
  readonly name: string;
  readonly args: readonly unknown[];
}

export class ChainError extends Error {
  override readonly name = 'ChainError';
  readonly code: ChainErrorCode;
  /** Whether the same call may succeed later without anything else changing. */
  readonly retryable: boolean;
  readonly revert: Revert | undefined;

  constructor(code: ChainErrorCode, message: string, options: { cause?: unknown; revert?: Revert } = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.retryable = code === 'rpc-unreachable' || code === 'timeout';
    this.revert = options.revert;
  }
}
