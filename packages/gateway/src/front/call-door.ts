import type { ApiContext } from '@ogong/host/http/api-app';
import type { BodyLimits } from '@ogong/host/http/body';
import type { KeyHolder } from '../books/api-keys.ts';
import type { InferenceGate } from './inference-gate.ts';
import { type PaymentDesk, UNPAID } from './payments.ts';
import type { MeteredRequest, RateLimits } from './rate-limits.ts';

/**
 * How a request gets its place among those that run. Whoever has a key has one before the body is read. Whoever pays for the request alone
 * has none before the payment is signed and the chain was asked about it: until then a caller costs a connection, and connections have places of their own.
 */
export interface CallDoor {
  /** @throws ApiError `too_many_requests`, or `payment_required` where what pays for it is no payment */
  begin(context: ApiContext, key: KeyHolder): Promise<BegunCall>;
}

export interface BegunCall {
  readonly bodyLimits: BodyLimits;
  /** @returns whose money the request is. @throws ApiError */
  charge(asked: readonly MeteredRequest[]): Promise<KeyHolder>;
  /** Gives the place back, if there is one. */
  leave(): void;
}

export interface CallDoorDependencies {
  readonly gate: InferenceGate;
  readonly rates: Pick<RateLimits, 'countRequest'>;
  readonly bodyLimits: BodyLimits;
  /** Default: nobody is let in without a key. */
  readonly payments?: Pick<PaymentDesk, 'read' | 'charge'> | undefined;
}

/** Of a request without a key: nobody has paid for the room that its body takes. */
const MOST_UNPAID_BYTES = 256 * 1024;

export function createCallDoor({ gate, rates, bodyLimits, payments }: CallDoorDependencies): CallDoor {
  const unpaidLimits = { ...bodyLimits, maxBytes: Math.min(bodyLimits.maxBytes, MOST_UNPAID_BYTES) };

  async function beginWithKey(context: ApiContext, key: KeyHolder): Promise<BegunCall> {
    const leave = gate.enter(key);
    try {
      await rates.countRequest(context, key);
    } catch (error) {
      leave();
      throw error;
    }
    return { bodyLimits, charge: async () => key, leave };
  }

  return {
    async begin(context, key) {
      if (key.id !== UNPAID.id || payments === undefined) return beginWithKey(context, key);
      const offer = await payments.read(context);
      let leave: (() => void) | undefined;
      return {
        bodyLimits: unpaidLimits,
        charge: (asked) =>
          payments.charge(context, asked, offer, (payer) => {
            leave = gate.enter(payer);
          }),
        leave: () => leave?.(),
      };
    },
  };
}
