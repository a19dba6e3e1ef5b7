import { utf8Encode } from '@ogong/protocol/bytes';
import type { InferenceRequest } from '@ogong/protocol/request';

/** What a chat template may add around one message and around the whole, in tokens. */
const TOKENS_PER_MESSAGE = 64n;
const TOKENS_PER_REQUEST = 64n;

/**
 * The most that a reply can cost, before its prompt is tokenised: no tokenizer makes more tokens than there are bytes.
 * @returns atomic units, rounded up as the fee itself is.
 */
export function computeMaxFee(request: InferenceRequest, pricePer1kAtomic: bigint): bigint {
  const texts = [request.promptText, ...request.messages.map(({ content }) => content)];
  const bytes = texts.reduce((sum, text) => sum + utf8Encode(text).length, 0);
  const prompt = BigInt(bytes) + TOKENS_PER_MESSAGE * BigInt(request.messages.length) + TOKENS_PER_REQUEST;
  return (pricePer1kAtomic * (prompt + BigInt(request.maxTokens)) + 999n) / 1000n;
}
