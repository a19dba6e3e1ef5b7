import { profiles } from '@ogong/chain/deploy/deploy';
import { createPromptMeter } from '@ogong/gateway/buy/prompt-meter';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { computeMaxFee, computeReplyFee, splitFee } from '@ogong/protocol/exchange/fee';
import { verifyReceipt } from '@ogong/protocol/verdict/receipt/verify-receipt';
import { overbilledAnswer } from '../../../attackers/protocol/providers/overbilled-answer.ts';
import { toFeeShares } from '../../fee-shares.ts';

/** A usual reply. The request allows more output than the answer needs, and its body has four bytes a token. */
const USUAL = { promptTokenCount: 200, outputTokenCount: 300 };
const REQUEST_BYTES = 800;
const TEXT_BYTES = 1_200;
const BOUND = { promptTokens: REQUEST_BYTES, outputTokens: 1_700 };
/** 500 tokens cost 0.002 OGONG. The entrance is five such fees. */
const PRICE_PER_1K_ATOMIC = 4n * 10n ** 15n;
const ORDER = {
  pricePer1kAtomic: PRICE_PER_1K_ATOMIC,
  maxFeeAtomic: computeMaxFee(BOUND, PRICE_PER_1K_ATOMIC),
};

export const MAX_FEE_ATOMIC = ORDER.maxFeeAtomic;
export const FEE_ATOMIC = computeReplyFee(ORDER, BOUND, USUAL);

export const toFees = (atomic: bigint): number => Number(atomic) / Number(FEE_ATOMIC);

/** Computes the provider's part of a fee, atomic units. */
export const computePart = (feeAtomic: bigint): bigint =>
  splitFee(feeAtomic, toFeeShares(profiles.emission.shares)).provider;

/** The provider's part of a usual fee, in usual fees. */
export const PART = toFees(computePart(FEE_ATOMIC));

/** The checks that bound a bill. A control leaves one out. */
export interface BillChecks {
  readonly hasSizeCheck: boolean;
  readonly hasPromptMeter: boolean;
}

/** Returns whether the receipt of an answer passes its reader's check of billed tokens against bytes of text. */
async function passesSize(tokens: number, textBytes: number): Promise<boolean> {
  const { receipt, reply, trust, nowMs } = overbilledAnswer.play({ tokens, text: 'x'.repeat(textBytes) });
  const { request, response } = reply;
  const { checks } = await verifyReceipt(receipt, { crypto, request, response, trust, nowMs });
  return checks.some(({ id, status }) => id === 'response-size' && status === 'pass');
}

/** Finds the largest number of at most `most` that passes. All smaller ones have to pass as well. */
async function findLargest(most: number, passes: (value: number) => Promise<boolean>): Promise<number> {
  let [low, high] = [0, most];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (await passes(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Returns whether a gateway that knows eight honest prompts of two other providers asks for no audit. */
async function passesMeter(promptTokens: number): Promise<boolean> {
  const meter = createPromptMeter();
  const bill = { model: 'm', requestBytes: REQUEST_BYTES };
  for (let i = 0; i < 8; i++) meter.isOdd({ ...bill, providerId: `${i % 2}`, promptTokens: USUAL.promptTokenCount });
  return !meter.isOdd({ ...bill, providerId: 'forger', promptTokens });
}

/** Length of the text by which the size check is measured. The most tokens grow by one for each byte. */
const PROBE_BYTES = 16;

let omittedTokens: Promise<number> | undefined;

/** Finds the tokens beyond one for each byte that the size check passes. A signature for each probe takes its time, so it runs once. */
function findOmitted(): Promise<number> {
  omittedTokens ??= findLargest(128, (tokens) => passesSize(tokens, PROBE_BYTES)).then((most) => most - PROBE_BYTES);
  return omittedTokens;
}

/** Finds the largest fee that a forger can bill for a usual request, by the checks of receipts, gateways and orders. */
export async function findLargestFee({ hasSizeCheck, hasPromptMeter }: BillChecks): Promise<bigint> {
  const omitted = hasSizeCheck ? await findOmitted() : 0;
  const outputTokenCount = hasSizeCheck ? Math.min(BOUND.outputTokens, TEXT_BYTES + omitted) : BOUND.outputTokens;
  const promptTokenCount = hasPromptMeter ? await findLargest(BOUND.promptTokens, passesMeter) : BOUND.promptTokens;
  return computeReplyFee(ORDER, BOUND, { promptTokenCount, outputTokenCount });
}
