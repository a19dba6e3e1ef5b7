import type { ApiError } from '../../http/api-error.ts';
import { isOverflow, wordOverflowForAnthropic } from '../../http/overflow-error.ts';
import type { Json } from '../../openai/format.ts';

/** Anthropic's types of errors, by status. */
const TYPES: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  503: 'overloaded_error',
  504: 'timeout_error',
};

/** An error's body, and the last event of a stream that fails. */
export function toAnthropicError(error: ApiError, requestId: string): Json {
  const { status, publicCode } = error;
  const details = publicCode === null ? null : { error_code: publicCode };
  const message = isOverflow(error) ? wordOverflowForAnthropic(error) : error.message;
  const type = TYPES[status] ?? (status < 500 ? 'invalid_request_error' : 'api_error');
  return { type: 'error', error: { type, message, details }, request_id: requestId };
}
