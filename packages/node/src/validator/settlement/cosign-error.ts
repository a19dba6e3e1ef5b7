export type CosignErrorCode =
  /** Something in the batch is wrong. */
  | 'refuted'
  /** This validator has signed a batch with another log under this sequence, or one of its replies in another batch. */
  | 'conflict'
  /** It is not this batch's turn, as the chain has it. */
  | 'not-next'
  /** Something that the check needs is not available now. */
  | 'unavailable';

export class CosignError extends Error {
  override readonly name = 'CosignError';
  readonly code: CosignErrorCode;
  readonly retryable: boolean;
  constructor(code: CosignErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.retryable = code === 'unavailable' || code === 'not-next';
  }
}

/** @throws CosignError `refuted` */
export function demand(holds: boolean, message: string): asserts holds {
  if (!holds) throw new CosignError('refuted', message);
}
