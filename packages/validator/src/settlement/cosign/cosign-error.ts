import type { DeliveredReply } from '@ogong/protocol/verdict/delivered-record';

export type CosignErrorCode =
  /** Something in the batch is wrong. */
  | 'refuted'
  /** This validator has signed a batch with another log under this sequence, or one of its replies in another batch. */
  | 'conflict'
  /** It is not this batch's turn, as the chain has it. */
  | 'not-next'
  /** Something that the check needs is not available now. */
  | 'unavailable';

/** Why one entry of a log is not signed. */
export interface EntryFault {
  readonly index: bigint;
  readonly reason: string;
  /** Where the payer holds another record than the entry is about: what it said, for the validator to take in. */
  readonly delivery?: DeliveredReply | undefined;
}

/** What a peer is told that sent no entries, and what a program that reads no packed ones says to these. */
export const NO_ENTRIES = 'an empty batch';

/** Of a reason that a peer is told, or that a peer tells, characters. */
export const MAX_REASON = 256;

export class CosignError extends Error {
  override readonly name = 'CosignError';
  readonly code: CosignErrorCode;
  readonly retryable: boolean;
  /** Where single entries are refused and the rest of the batch holds as far as it was checked. */
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
