export type SettlementErrorCode = 'anchor-mismatch' | 'no-quorum' | 'entries-refused' | 'entries-corrected';

export interface SettlementErrorOptions {
  readonly refused?: readonly bigint[];
  readonly upTo?: bigint;
}

export class SettlementError extends Error {
  override readonly name = 'SettlementError';
  readonly code: SettlementErrorCode;
  readonly retryable: boolean;
  /** Log entries that so many co-signers refuse that no quorum can sign them. */
  readonly refused: readonly bigint[];
  /** Where the log has the corrections of entries that co-signers refuse: the batch has to end there, or later. */
  readonly upTo: bigint | undefined;
  constructor(code: SettlementErrorCode, message: string, { refused = [], upTo }: SettlementErrorOptions = {}) {
    super(message);
    this.code = code;
    this.refused = refused;
    this.upTo = upTo;
    this.retryable = code === 'no-quorum';
  }
}
