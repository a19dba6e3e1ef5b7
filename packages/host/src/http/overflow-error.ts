import { parseOverflow } from '@ogong/protocol/modality/text/request/context-overflow';
import { ApiError, type ApiErrorCode } from './api-error.ts';

/** OpenAI's code of a prompt that is too long. Agents shorten their conversation when they read it. */
const OVERFLOW_CODE = 'context_length_exceeded';

/** Ollama's words for it. */
const OLLAMA_WORDS = 'the input length exceeds the context length';

/** Creates the error of a prompt that leaves no room for a reply. @param reason as an engine or a provider words it. */
export function createOverflowError(
  reason: string,
  { code, cause }: { readonly code: ApiErrorCode; readonly cause: unknown },
): ApiError {
  const overflow = parseOverflow(reason);
  return new ApiError(code, reason, { cause, publicCode: OVERFLOW_CODE, param: 'messages', overflow });
}

export const isOverflow = ({ publicCode }: Pick<ApiError, 'publicCode'>): boolean => publicCode === OVERFLOW_CODE;

/** @param field of the request that holds the prompt. */
export function wordOverflowForOpenAi({ overflow, message }: ApiError, field = 'messages'): string {
  if (overflow === undefined) return `This model's maximum context length is exceeded: ${message}.`;
  const { promptTokens, contextSize } = overflow;
  return `This model's maximum context length is ${contextSize} tokens. However, your ${field} resulted in ${promptTokens} tokens. Please reduce the length of the ${field}.`;
}

/** The maximum leaves one token for the reply. */
export const wordOverflowForAnthropic = ({ overflow, message }: ApiError): string =>
  overflow === undefined
    ? `prompt is too long: ${message}`
    : `prompt is too long: ${overflow.promptTokens} tokens > ${overflow.contextSize - 1} maximum`;

/** The reason of an embedding names the input that is too long. */
export function wordForOllama(error: ApiError): string {
  if (!isOverflow(error)) return error.message;
  return error.overflow === undefined ? `${OLLAMA_WORDS}: ${error.message}` : OLLAMA_WORDS;
}
