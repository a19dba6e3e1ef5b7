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
  /** Of the canonical response. */
  readonly responseBytes: number;
  /** The payer's word, already checked. A text is billed by it. */
  readonly progress: Progress | undefined;
}

/**
 * What one reply costs (docs/spec/order.md, docs/spec/progress.md): consumers, validators and co-signers all call this function.
 * @throws FeeError where the reply may not be billed at all.
 */
export function computeBilledFee(
  modality: Modality,
  { order, request, header, responseBytes, progress }: BilledReply,
): bigint {
  const bound = modality.boundTokens(request);
  const whole = computeReplyFee(order, bound, header);
  const isCut = modality.wasCutShort(header);
  const { standbyPer1kAtomic } = request.demands;
  // Whoever stops by itself at the first token has stood by for nobody.
  if (standbyPer1kAtomic !== undefined && !isTaken(progress) && (!isCut || progress?.hasLeft))
    return computeStandbyFee(order, header, standbyPer1kAtomic);
  if (!modality.hasProgress) return whole;
  const count = isCut ? countCutShort : countWhole;
  return computeReplyFee(order, bound, count(header, responseBytes, progress));
}

/**
 * Whether a reply to this request is paid under this verdict: in doubt it is, unless the request says that only accepted replies are.
 * What no beacon selected for an audit is paid all the same, for nobody doubts it.
 */
export function isPaidFor(verdict: Verdict, { demands }: Pick<CommonRequest, 'demands'>): boolean {
  return isBillable(verdict) && !(demands.acceptedOnly && verdict === 'inconclusive');
}

/** @returns the payer's word where it is one about this reply; undefined otherwise. */
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

/** Whether the payer has signed that it has this much of a text, all of it, and wants no more: then a milestone is paid (docs/spec/progress.md#milestones). */
export function isLeftAt(progress: Progress | undefined, responseBytes: number): boolean {
  return progress?.hasLeft === true && progress.textBytes === responseBytes;
}
