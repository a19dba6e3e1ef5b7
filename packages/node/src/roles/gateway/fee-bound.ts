import { computePromptBound, type InferenceRequest } from '@ogong/protocol/exchange/request';

/** Tokens that prompt and reply take at most, before the prompt is tokenised. */
export function computeContextBound(request: InferenceRequest): number {
  return computePromptBound(request) + request.maxTokens;
}

/**
 * The most that a reply can cost, before its prompt is tokenised.
 * @returns atomic units, rounded up as the fee itself is.
 */
export function computeMaxFee(request: InferenceRequest, pricePer1kAtomic: bigint): bigint {
  return (pricePer1kAtomic * BigInt(computeContextBound(request)) + 999n) / 1000n;
}
