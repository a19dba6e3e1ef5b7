import type { ApiError, ApiErrorCode } from '@ogong/host/http/api-error';
import { LinkError } from '@ogong/host/link/link-error';

/** The failure code of an order that lost the race against another provider. */
export const UNTAKEN = 'untaken';

const REFUSALS: ReadonlySet<string> = new Set([
  'request_refused',
  'provider_busy',
  'provider_unreachable',
  'order_not_admitted',
  'provider_ended',
] satisfies ApiErrorCode[]);

/**
 * Returns the words of a failure that a store keeps, and that readers of a receipt get. They are those in plain if the provider sealed
 * others to this gateway, since these may quote the request.
 */
export function wordFailure(error: ApiError): string {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof LinkError && cause.sealedWords !== undefined) return cause.message;
  }
  return error.message;
}

/** Returns true if the provider declined, ended the order by a signed statement, or never received it. It broke no promise then. */
export const isRefusalCode = (code: string): boolean => REFUSALS.has(code);
