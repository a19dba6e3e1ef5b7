export type SettlementErrorCode = 'anchor-mismatch' | 'no-quorum' | 'entries-refused' | 'entries-corrected';

export interface SettlementErrorOptions {
  readonly refused?: readonly bigint[];
  readonly upTo?: bigint;
}

export class SettlementError extends Error {
  override readonly name = 'SettlementError';
  readonly code: SettlementErrorCode;
  readonly retryable: boolean;
  /** Log entries that no quorum can sign, because too many co-signers refuse them. */
  readonly refused: readonly bigint[];
  /** End of the corrections of refused entries in the log. The batch must end there or later. */
  readonly upTo: bigint | undefined;
  constructor(code: SettlementErrorCode, message: string, { refused = [], upTo }: SettlementErrorOptions = {}) {
    super(message);
    this.code = code;
    this.refused = refused;
    this.upTo = upTo;
    this.retryable = code === 'no-quorum';
  }
}
