import type { TokenBound } from '../../../exchange/fee.ts';
import type { AskedText } from './request.ts';

/** Computes the most tokens that a text can bill. */
export function boundTextTokens({
  promptTokenBound,
  maxTokens,
}: Pick<AskedText, 'promptTokenBound' | 'maxTokens'>): TokenBound {
  return { promptTokens: promptTokenBound, outputTokens: maxTokens };
}
