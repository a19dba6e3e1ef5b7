import { ApiError, type ApiErrorCode } from '@ogong/host/http/api-error';
import { describe, expect, it } from 'vitest';
import { decideNext, type FailedState, type NextStep } from './decide-next.ts';

/** The state after a first order that failed before any text. */
const state: FailedState = {
  isAborted: false,
  isOrdered: true,
  isShown: false,
  hasFixedDraws: false,
  hasPlain: false,
  mayRepeat: true,
  triesLeft: 2,
  earlier: undefined,
};

const UNORDERED = { isOrdered: false };
const BEGUN = { isShown: true };
const STANDBY = { hasPlain: true };

type Row = readonly [ApiErrorCode, Partial<FailedState>, NextStep];

const RETRIED: readonly ApiErrorCode[] = [
  'provider_failed',
  'provider_timeout',
  'provider_busy',
  'provider_unreachable',
  'request_refused',
  'ogong_check_failed',
];

const rows: readonly Row[] = [
  ...RETRIED.flatMap((code): Row[] => [
    [code, {}, 'another'],
    [code, { mayRepeat: false }, 'another'],
    [code, { triesLeft: 0 }, 'fail'],
    [code, { ...BEGUN }, 'fail'],
    [code, { ...BEGUN, hasFixedDraws: true }, 'another'],
    [code, { ...BEGUN, hasFixedDraws: true, triesLeft: 0 }, 'fail'],
    [code, { earlier: 'provider_failed' }, 'another'],
    [code, { earlier: 'order_not_admitted' }, 'another'],
    [code, { isAborted: true }, 'abort'],
  ]),
  // No standby provider is free.
  ['provider_busy', STANDBY, 'ordinary'],
  ['provider_busy', { ...STANDBY, triesLeft: 0 }, 'ordinary'],
  ['provider_busy', { ...STANDBY, earlier: 'provider_failed' }, 'ordinary'],
  ['provider_busy', { ...STANDBY, ...BEGUN, hasFixedDraws: true }, 'another'],
  ['provider_busy', { ...STANDBY, ...BEGUN }, 'fail'],
  ['provider_busy', { ...STANDBY, ...UNORDERED }, 'another'],
  ['provider_failed', STANDBY, 'another'],
  ['no_provider', { ...STANDBY, ...UNORDERED }, 'ordinary'],
  ['model_not_found', { ...STANDBY, ...UNORDERED }, 'ordinary'],
  ['no_provider', { ...STANDBY, ...UNORDERED, earlier: 'provider_failed' }, 'ordinary'],
  ['no_provider', { ...STANDBY, ...UNORDERED, ...BEGUN, earlier: 'provider_failed' }, 'fail-as-before'],
  ['no_provider', STANDBY, 'fail'],
  ['router_unreachable', { ...STANDBY, ...UNORDERED }, 'fail'],
  // No other attempt was possible.
  ...(['no_provider', 'request_too_large', 'model_not_found'] as const).flatMap((code): Row[] => [
    [code, UNORDERED, 'fail'],
    [code, { ...UNORDERED, earlier: 'provider_failed' }, 'fail-as-before'],
    [code, { ...UNORDERED, earlier: 'order_not_admitted' }, 'fail-as-before'],
  ]),
  ...(['router_unreachable', 'validator_unreachable'] as const).flatMap((code): Row[] => [
    [code, UNORDERED, 'fail'],
    [code, { ...UNORDERED, earlier: 'provider_timeout' }, 'fail-as-before'],
    [code, { ...UNORDERED, earlier: 'order_not_admitted' }, 'fail'],
  ]),
  // The validator was away, says the provider.
  ['order_not_admitted', {}, 'repeat'],
  ['order_not_admitted', { triesLeft: 0 }, 'repeat'],
  ['order_not_admitted', { mayRepeat: false }, 'another'],
  ['order_not_admitted', { mayRepeat: false, triesLeft: 0 }, 'fail'],
  ['order_not_admitted', { ...BEGUN }, 'fail'],
  ['order_not_admitted', { ...BEGUN, hasFixedDraws: true }, 'repeat'],
  ['order_not_admitted', { isAborted: true }, 'abort'],
  // Failures that no other provider changes.
  ['budget_exceeded', UNORDERED, 'fail'],
  ['invalid_api_key', { ...UNORDERED, earlier: 'provider_failed' }, 'fail'],
  ['invalid_request', {}, 'fail'],
  ['invalid_request', { isAborted: true }, 'abort'],
];

describe('the next step after a failed attempt', () => {
  it.each(rows)('%s in %j: %s', (code, change, next) => {
    expect(decideNext(new ApiError(code, 'failed'), { ...state, ...change })).toBe(next);
  });

  it('passes a bug on, whatever the state', () => {
    for (const change of [{}, { ...UNORDERED, ...STANDBY }, { earlier: 'provider_failed' as const }]) {
      expect(decideNext(new TypeError('a bug'), { ...state, ...change })).toBe('abort');
    }
  });
});
