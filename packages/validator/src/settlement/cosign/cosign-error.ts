import type { DeliveredReply } from '@ogong/protocol/verdict/delivered-record';

export type CosignErrorCode =
  /** Something in the batch is wrong. */
  | 'refuted'
  /** This validator has signed another log under this number, or one of its replies in another batch. */
  | 'conflict'
  /** It is not this batch's turn on the chain. */
  | 'not-next'
  /** Data for a check is not available now. */
  | 'unavailable';

/** Why one entry of a log is not signed. */
export interface EntryFault {
  readonly index: bigint;
  readonly reason: string;
  /** The payer's delivery, if the payer has another record than the entry. The proposer must accept it. */
  readonly delivery?: DeliveredReply | undefined;
}

/** Message to a peer that sent no entries. A program without packed entries answers the same to these. */
export const NO_ENTRIES = 'an empty batch';

/** Most characters of a reason, sent or received. */
export const MAX_REASON = 256;

export class CosignError extends Error {
  override readonly name = 'CosignError';
  readonly code: CosignErrorCode;
  readonly retryable: boolean;
  /** Refused entries, if the rest of the batch holds as far as it was checked. */
  readonly refused: readonly EntryFault[];
  constructor(
    code: CosignErrorCode,
    message: string,
    { refused = [], ...options }: ErrorOptions & { readonly refused?: readonly EntryFault[] } = {},
  ) {
    super(message, options);
    this.code = code;
    this.refused = refused;
    this.retryable = code === 'unavailable' || code === 'not-next';
  }
}

/** @throws CosignError `refuted` */
export function demand(holds: boolean, message: string): asserts holds {
  if (!holds) throw new CosignError('refuted', message);
}
