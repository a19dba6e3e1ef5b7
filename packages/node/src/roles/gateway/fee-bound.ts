import { computePromptBound, type InferenceRequest } from '@ogong/protocol/request';

/**
 * The most that a reply can cost, before its prompt is tokenised.
 * @returns atomic units, rounded up as the fee itself is.
 */
export function computeMaxFee(request: InferenceRequest, pricePer1kAtomic: bigint): bigint {
  return (pricePer1kAtomic * BigInt(computePromptBound(request) + request.maxTokens) + 999n) / 1000n;
}
