import type { ApiContext } from '@ogong/host/http/api-app';
import { ApiError } from '@ogong/host/http/api-error';
import type { MediaBodyLimits } from '@ogong/host/http/media-body';
import type { Clock } from '@ogong/host/time/clock';
import type { SettlementType } from '@ogong/protocol/http/routes';
import type { KeyHolder } from '../books/api-keys.ts';
import type { CallStore, CallTerms } from '../books/call-store.ts';
import type { InferenceGate } from './inference-gate.ts';
import type { ModelContexts } from './model-contexts.ts';
import { type ChargedPayer, type PaymentDesk, UNPAID } from './payments.ts';
import type { MeteredRequest, RateLimits } from './rate-limits.ts';
import { readSettlementType } from './settlement-type.ts';

/**
 * Gives a request its place among the running ones. A caller with a key gets one before the body is read. A caller that pays for
 * the request alone gets none before its signed payment was checked on the chain. Until then it costs one connection, and
 * connections have limits of their own.
 */
export interface ApiCallLimits {
  /** @throws ApiError `too_many_requests`, or `payment_required` for an invalid payment */
  begin(context: ApiContext, key: KeyHolder): Promise<BegunCall>;
}

export interface BegunCall {
  readonly bodyLimits: MediaBodyLimits;
  /**
   * @param price reads what the price depends on; called only for a caller that pays for the request alone.
   * @returns the account that pays for the request. @throws ApiError, RequestError
   */
  charge(price: () => readonly MeteredRequest[]): Promise<KeyHolder>;
  /** Stores the settlement type and the payment of the call. Call it after `charge` and before the first order. */
  register(completionId: string): Promise<CallTerms>;
  /** Gives the place back, if there is one. */
  leave(): void;
}

export interface CallLimitDependencies {
  readonly gate: InferenceGate;
  readonly rates: Pick<RateLimits, 'countRequest'>;
  readonly bodyLimits: MediaBodyLimits;
  /** Default: no caller is admitted without a key. */
  readonly payments?: Pick<PaymentDesk, 'read' | 'charge' | 'end'> | undefined;
  readonly calls: Pick<CallStore, 'put'>;
  readonly clock: Clock;
  /** Default: no context is known. */
  readonly contexts?: Pick<ModelContexts, 'largest'>;
}

/** Memory for running requests with media. */
const MEDIA_ROOM_BYTES = 512 * 1024 * 1024;
const RETRY_AFTER_S = 5;
const NO_ROOM = 'Too many requests with pictures are running; try again.';

/** Longest body of a request without a key: its memory is not paid yet. */
const MOST_UNPAID_BYTES = 256 * 1024;

export function createCallLimits({
  gate,
  rates,
  bodyLimits,
  payments,
  calls,
  clock,
  contexts,
}: CallLimitDependencies): ApiCallLimits {
  let reservedBytes = 0;
  const unpaidLimits = { ...bodyLimits, maxBytes: Math.min(bodyLimits.maxBytes, MOST_UNPAID_BYTES), mediaBytes: 0 };

  async function register(completionId: string, terms: CallTerms): Promise<CallTerms> {
    await calls.put(completionId, terms, clock.nowMs());
    return terms;
  }

  async function beginWithKey(
    context: ApiContext,
    { key, settlementType }: { readonly key: KeyHolder; readonly settlementType: SettlementType },
  ): Promise<BegunCall> {
    const leave = gate.enter(key);
    try {
      await rates.countRequest(context, key);
    } catch (error) {
      leave();
      throw error;
    }
    let ownBytes = 0;
    const reserve = (bytes: number): void => {
      if (reservedBytes + bytes > MEDIA_ROOM_BYTES)
        throw new ApiError('too_many_requests', NO_ROOM, { retryAfterS: RETRY_AFTER_S });
      ownBytes += bytes;
      reservedBytes += bytes;
    };
    const leaveAll = (): void => {
      reservedBytes -= ownBytes;
      ownBytes = 0;
      leave();
    };
    return {
      bodyLimits: { ...bodyLimits, reserve },
      charge: async () => key,
      register: (completionId) => register(completionId, { settlementType, payment: undefined }),
      leave: leaveAll,
    };
  }

  /** A limit above the model's context comes down to it before the price is computed. */
  const fit = (asked: readonly MeteredRequest[]): Promise<readonly MeteredRequest[]> =>
    Promise.all(asked.map(async (one) => ({ ...one, contextSize: await contexts?.largest(one.request.model) })));

  return {
    async begin(context, key) {
      const settlementType = readSettlementType(context);
      if (key.id !== UNPAID.id || payments === undefined) return beginWithKey(context, { key, settlementType });
      const offer = await payments.read(context);
      let leave: (() => void) | undefined;
      let charged: ChargedPayer | undefined;
      return {
        bodyLimits: unpaidLimits,
        async charge(price) {
          charged = await payments.charge(context, await fit(price()), offer, (payer) => {
            leave = gate.enter(payer);
          });
          return charged;
        },
        register: (completionId) => register(completionId, { settlementType, payment: charged?.payment }),
        leave() {
          leave?.();
          if (charged) payments.end(charged);
        },
      };
    },
  };
}
