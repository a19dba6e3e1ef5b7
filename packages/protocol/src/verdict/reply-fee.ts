import { ProtocolError } from '../base/bytes.ts';
import type { CommonHeader } from '../commitment/common-header.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { computeReplyFee, computeStandbyFee, countCutShort, countWhole } from '../exchange/fee.ts';
import type { LedgerDomain, NamedOrder } from '../exchange/order.ts';
import {
  isTaken,
  openProgress,
  type Progress,
  type ProgressedText,
  type SignedProgress,
} from '../exchange/progress.ts';
import type { CommonRequest, Modality } from '../modality/modality.ts';
import { isBillable, type Verdict } from '../settlement/verdict-log.ts';

export interface BilledReply {
  readonly order: NamedOrder;
  readonly request: CommonRequest;
  readonly header: CommonHeader;
  /** Size of the canonical response. */
  readonly responseBytes: number;
  /** The payer's progress statement, already verified. The fee of a text depends on it. */
  readonly progress: Progress | undefined;
}

/**
 * Computes the cost of one reply (docs/spec/order.md, docs/spec/progress.md). Consumers, validators and co-signers all call
 * this function.
 * @throws FeeError if the reply may not be billed at all.
 */
export function computeBilledFee(
  modality: Modality,
  { order, request, header, responseBytes, progress }: BilledReply,
): bigint {
  const bound = modality.boundTokens(request);
  const whole = computeReplyFee(order, bound, header);
  const isCut = modality.wasCutShort(header);
  const { standbyPer1kAtomic } = request.demands;
  // A provider that stops by itself at the first token was no standby.
  if (standbyPer1kAtomic !== undefined && !isTaken(progress) && (!isCut || progress?.hasLeft))
    return computeStandbyFee(order, header, standbyPer1kAtomic);
  if (!modality.hasProgress) return whole;
  const count = isCut ? countCutShort : countWhole;
  return computeReplyFee(order, bound, count(header, responseBytes, progress));
}

/**
 * Returns whether a reply is paid under this verdict, if the audit balance of its key covers the fee (`coversFee`). A reply in
 * doubt is never paid if its request pays only for accepted replies.
 */
export function isPaidFor(verdict: Verdict, { demands }: Pick<CommonRequest, 'demands'>): boolean {
  return isBillable(verdict) && !(demands.acceptedOnly && verdict === 'inconclusive');
}

/** Returns whether a reader without the log cannot know if the reply is paid. Then its fee is the whole one or 0. */
export function dependsOnBalance(verdict: Verdict): boolean {
  return verdict === 'inconclusive';
}

/** Reads a progress statement. @returns it if it is about this reply; undefined otherwise. */
export function readProgress(
  crypto: Crypto,
  context: { readonly ledger: LedgerDomain; readonly order: NamedOrder },
  signed: SignedProgress,
  text: ProgressedText,
): Progress | undefined {
  try {
    return openProgress(crypto, context, signed, text);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

/**
 * Returns whether the payer has signed that it has this whole text and wants no more. Then a milestone is paid
 * (docs/spec/progress.md#milestones).
 */
export function isLeftAt(progress: Progress | undefined, responseBytes: number): boolean {
  return progress?.hasLeft === true && progress.textBytes === responseBytes;
}
