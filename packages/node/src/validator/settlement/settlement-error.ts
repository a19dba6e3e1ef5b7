export type SettlementErrorCode = 'anchor-mismatch' | 'no-quorum';

export class SettlementError extends Error {
  override readonly name = 'SettlementError';
  readonly code: SettlementErrorCode;
  readonly retryable: boolean;
  constructor(code: SettlementErrorCode, message: string) {
    super(message);
    this.code = code;
    this.retryable = code === 'no-quorum';
  }
}
