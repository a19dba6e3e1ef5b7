import { ApiError, type ApiErrorCode } from '@ogong/host/http/api-error';
import { GatewayApiError, GatewayUnreachableError, ReceiptError } from '@ogong/sdk';
import { MemoryError } from '../memory-error.ts';
import { MemoryStoreError, type MemoryStoreErrorCode } from '../store/memory-store-error.ts';

const STORE_CODES: Readonly<Record<MemoryStoreErrorCode, ApiErrorCode>> = {
  conflict: 'storage_failed',
  invalid: 'invalid_request',
  'too-large': 'request_too_large',
  full: 'request_refused',
  'wrong-key': 'storage_failed',
  damaged: 'storage_failed',
  busy: 'storage_failed',
};
const CODES: Readonly<Record<MemoryError['code'], ApiErrorCode>> = {
  'too-large': 'request_too_large',
  malformed: 'invalid_request',
  model: 'provider_failed',
  conflict: 'storage_failed',
  busy: 'too_many_requests',
};
/** Refusals of the models' gateway that the caller has to know. */
const GATEWAY_CODES: Readonly<Record<string, ApiErrorCode>> = {
  insufficient_quota: 'budget_exceeded',
  model_not_allowed: 'model_not_allowed',
  model_not_found: 'model_not_found',
  rate_limit_exceeded: 'too_many_requests',
  no_provider: 'no_provider',
};

/** Explains the failures of a memory service; undefined for those of other parts. No message has a text of a user. */
export function explainMemoryFailure(cause: unknown): ApiError | undefined {
  const explain = (code: ApiErrorCode, message: string, publicCode: string = code): ApiError =>
    new ApiError(code, message, { cause, publicCode });
  if (cause instanceof MemoryError) return explain(CODES[cause.code], cause.message, cause.code);
  if (cause instanceof MemoryStoreError) return explain(STORE_CODES[cause.code], cause.message, cause.code);
  if (cause instanceof ReceiptError)
    return explain('ogong_check_failed', `an answer of a model failed its checks: ${cause.code}`);
  if (cause instanceof GatewayUnreachableError)
    return explain('provider_unreachable', 'the models of this memory service cannot be reached');
  if (cause instanceof GatewayApiError)
    return explain(
      GATEWAY_CODES[cause.code ?? ''] ?? 'provider_failed',
      `a model was not asked: ${cause.message}`,
      cause.code ?? undefined,
    );
  // `fetch` rejects so if nobody answers.
  if (cause instanceof TypeError && cause.message === 'fetch failed')
    return explain('provider_unreachable', 'the models of this memory service cannot be reached');
  return undefined;
}
