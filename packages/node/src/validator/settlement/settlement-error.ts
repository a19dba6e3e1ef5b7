export type SettlementErrorCode = 'anchor-mismatch' | 'no-quorum' | 'entries-refused';

export class SettlementError extends Error {
  override readonly name = 'SettlementError';
  readonly code: SettlementErrorCode;
  readonly retryable: boolean;
  /** Log entries that so many co-signers refuse that no quorum can sign them. */
  readonly refused: readonly bigint[];
  constructor(code: SettlementErrorCode, message: string, refused: readonly bigint[] = []) {
    super(message);
    this.code = code;
    this.refused = refused;
    this.retryable = code === 'no-quorum';
  }
}
