import { BaseError, ContractFunctionRevertedError, ContractFunctionZeroDataError } from 'viem';

export type ChainErrorCode =
  | 'rpc-unreachable'
  | 'reverted'
  | 'timeout'
  /** The account cannot pay for the transaction in the chain's own coin. */
  | 'no-coin'
  /** A contract takes it later. */
  | 'too-early'
  /** More gas than one transaction may take. */
  | 'too-costly'
  | 'wrong-chain'
  | 'no-account'
  | 'bad-input'
  | 'dev-chain';

/** Refusal of a contract: the name of its custom error and the arguments. */
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
    this.retryable = code === 'rpc-unreachable' || code === 'timeout' || code === 'too-early';
    this.revert = options.revert;
  }
}

/** Whether a contract, or one of an earlier version, has no such function: the call fails, and nothing says why. */
export function isMissingFunction(error: unknown): boolean {
  if (!(error instanceof ChainError) || error.code !== 'reverted' || error.revert !== undefined) return false;
  if (!(error.cause instanceof BaseError)) return false;
  const found = error.cause.walk(
    (cause) =>
      cause instanceof ContractFunctionZeroDataError ||
      (cause instanceof ContractFunctionRevertedError && (cause.raw ?? '0x') === '0x' && /revert/i.test(cause.message)),
  );
  return found !== null;
}
