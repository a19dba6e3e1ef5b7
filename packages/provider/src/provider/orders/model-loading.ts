import { Refusal } from '@ogong/host/link/link-error';
import type { Clock } from '@ogong/host/time/clock';
import type { OfferState } from './offers.ts';
import type { OrderPayment } from './order-payment.ts';

/** A payer that never paid here can have a model loaded once in this time, all such payers together. */
const STRANGERS_LOAD_MS = 30_000;

/** When the last model was loaded for a payer that was never served here. */
export interface StrangersLoad {
  lastMs: number;
}

interface LoadingState {
  readonly clock: Clock;
  readonly strangersLoad: StrangersLoad;
}

/**
 * A load takes seconds of the machine and may put another model out, before anybody has admitted the order. Payers that were
 * served here may cause it; others only now and then.
 * @throws Refusal
 */
export function assertMayLoad(
  { clock, strangersLoad }: LoadingState,
  { modelId, presence }: Pick<OfferState, 'modelId' | 'presence'>,
  { isKnown }: Pick<OrderPayment, 'isKnown'>,
): void {
  if (presence === undefined || presence.isLoaded() || isKnown) return;
  const nowMs = clock.nowMs();
  if (nowMs < strangersLoad.lastMs + STRANGERS_LOAD_MS) {
    throw new Refusal(
      'unavailable',
      `${modelId} is not loaded, and another one was loaded just now; try again in a moment`,
    );
  }
  strangersLoad.lastMs = nowMs;
}
