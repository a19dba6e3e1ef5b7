import { ApiError, type ApiErrorCode } from '@ogong/host/http/api-error';

/** State of a reply after a failed attempt. */
export interface FailedState {
  /** Whether the client has left. */
  readonly isAborted: boolean;
  /** Whether the attempt got as far as an order. */
  readonly isOrdered: boolean;
  /** Whether the client has received any text. */
  readonly isShown: boolean;
  /** Whether another provider draws the same tokens and so can continue a text. */
  readonly hasFixedDraws: boolean;
  /** Whether the request may still become an ordinary order, without a standby price. */
  readonly hasPlain: boolean;
  /** Whether the same provider may be tried once more under another validator. */
  readonly mayRepeat: boolean;
  /** Attempts that are left after this one. */
  readonly triesLeft: number;
  /** Code of the failure of the attempt before; undefined after the first one. */
  readonly earlier: ApiErrorCode | undefined;
}

/** The next step after a failed attempt. Each step but `abort` stores the provider's failure first. */
export type NextStep =
  /** Throw the error: the client left, or it is a bug. */
  | 'abort'
  /** Throw the error. */
  | 'fail'
  /** Throw the error of the attempt before, which is the real reason. */
  | 'fail-as-before'
  /** Order without a standby price, from any provider. */
  | 'ordinary'
  /** Order again under another validator, also from the same provider. */
  | 'repeat'
  /** Order from a provider that was not tried. */
  | 'another';

/** Failures that another provider, or another validator, may not have. */
const RETRIED: ReadonlySet<ApiErrorCode> = new Set([
  'order_not_admitted',
  'provider_failed',
  'provider_ended',
  'provider_timeout',
  'provider_busy',
  'provider_unreachable',
  'request_refused',
  'ogong_check_failed',
]);

const NOBODY_LEFT: ReadonlySet<ApiErrorCode> = new Set(['no_provider', 'request_too_large', 'model_not_found']);
const NO_WAY: ReadonlySet<ApiErrorCode> = new Set(['router_unreachable', 'validator_unreachable']);

/** Decides how a reply goes on after a failed attempt. */
export function decideNext(error: unknown, state: FailedState): NextStep {
  if (!(error instanceof ApiError) || state.isAborted) return 'abort';
  const { code } = error;
  const isNobodyFree = state.isOrdered ? code === 'provider_busy' : NOBODY_LEFT.has(code);
  if (isNobodyFree && state.hasPlain && !state.isShown) return 'ordinary';
  if (state.earlier !== undefined && hidesEarlier(code, state.earlier)) return 'fail-as-before';
  if (!RETRIED.has(code) || (state.isShown && !state.hasFixedDraws)) return 'fail';
  // Only the provider says that the validator was away, so this is granted once.
  if (code === 'order_not_admitted' && state.mayRepeat) return 'repeat';
  return state.triesLeft > 0 ? 'another' : 'fail';
}

/**
 * Whether an error only says that no other attempt was possible, so that the earlier failure is the one to report.
 * Exception: an unreachable router or validator after a refused admission is the same outage, and newer.
 */
function hidesEarlier(code: ApiErrorCode, earlier: ApiErrorCode): boolean {
  return NOBODY_LEFT.has(code) || (NO_WAY.has(code) && earlier !== 'order_not_admitted');
}
