import type { ApiErrorCode } from '@ogong/host/http/api-error';

/** The failure code of an order that lost the race against another provider. */
export const UNTAKEN = 'untaken';

const REFUSALS: ReadonlySet<string> = new Set([
  'request_refused',
  'provider_busy',
  'provider_unreachable',
  'order_not_admitted',
  'provider_ended',
] satisfies ApiErrorCode[]);

/** Returns true if the provider declined, ended the order by a signed statement, or never received it. It broke no promise then. */
export const isRefusalCode = (code: string): boolean => REFUSALS.has(code);
