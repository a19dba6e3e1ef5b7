import type { TokenBound } from '../../../exchange/fee.ts';
import { computePromptBound, type InferenceRequest } from './request.ts';

/** The most that a text can bill. */
export function boundTextTokens(request: Pick<InferenceRequest, 'promptText' | 'messages' | 'maxTokens'>): TokenBound {
  return { promptTokens: computePromptBound(request), outputTokens: request.maxTokens };
}
