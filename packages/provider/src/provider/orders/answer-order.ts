import { RateLimited, Refusal } from '@ogong/host/link/link-error';
import type { PeerId } from '@ogong/host/link/link-identity';
import type { RelayedLink } from '@ogong/host/link/reach/relay-wire';
import { ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import { parseOrder } from '@ogong/protocol/exchange/order';
import { readPayeeStatement } from '@ogong/protocol/exchange/provider-payee';
import type { GenerateRequest } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { ReplyEvent, ServedCounts } from '../../modality/order-job.ts';
import type { ProviderState } from '../provider-state.ts';
import { answerOffer } from './answer-offer.ts';
import { createHandoff } from './handoff.ts';
import { countActive, findOffer, freeSlot, type OfferState, takeSlot } from './offers.ts';
import { refuseUnknownRoot } from './order-check.ts';
import { toRefusal } from './order-intake.ts';

export interface OrderCall {
  /** Peer id of the consumer's side. */
  readonly consumer: PeerId;
  /** Group of its address, see computeAddressGroup; undefined if this side made the connection. */
  readonly group: string | undefined;
  /** The relay between, if there is one. */
  readonly relayed?: RelayedLink | undefined;
  /** Called once a validator has admitted the order. */
  readonly onAdmitted: () => void;
  /** Aborted when the consumer's link ends, or the server closes. */
  readonly signal: AbortSignal;
}

const TOO_MANY = new RateLimited('too many orders from there that nobody admits');

/**
 * Limits a consumer's orders before they are admitted, since it is unknown whether it pays. Called before its message is read.
 * @throws RateLimited
 */
export function assertMayOrder(
  { newcomers }: Pick<ProviderState, 'newcomers'>,
  { consumer, group }: Pick<OrderCall, 'consumer' | 'group'>,
): void {
  if (!newcomers.enter(nameAddress(consumer, group))) throw TOO_MANY;
}

const nameAddress = (consumer: PeerId, group: string | undefined): string => group ?? toHex(consumer);

/**
 * Serves one order from its message to its last event. Steps: find its offer, take a slot of it, check the order, serve the reply.
 * @throws Refusal, or what is this provider's own fault.
 */
export async function* answerOrder(
  state: ProviderState,
  message: GenerateRequest,
  { consumer, group, relayed, onAdmitted, signal }: OrderCall,
): AsyncGenerator<ReplyEvent> {
  const address = nameAddress(consumer, group);
  const offer = beginOrder(state, message);
  const gone = new AbortController();
  const handoff = createHandoff<ReplyEvent>(() => gone.abort());
  // A closing server also aborts its calls; then the consumer is still there.
  signal.addEventListener('abort', () => state.isClosing || gone.abort(), { once: true });
  const welcome = (): void => {
    state.newcomers.welcome(address);
    onAdmitted();
  };
  const reader = { consumer, address, relayed, welcome, send: handoff.send, gone: gone.signal };
  const task = answerOffer(state, offer, message, reader)
    .then((counts) => countServed(state, counts))
    .catch((error: unknown) => countFailure(state, error))
    .then((error) => {
      freeSlot(offer);
      state.metrics.active.set(countActive(state.offers));
      handoff.end(error);
    });
  state.running.add(task);
  task.finally(() => state.running.delete(task));
  yield* handoff.read();
}

/**
 * Takes a slot of the order's offer. It counts from here on, so that orders that arrive together cannot share one.
 * @throws Refusal
 */
export function beginOrder(state: ProviderState, message: GenerateRequest): OfferState {
  try {
    assertTakesOrders(state);
    const offer = findOrderedOffer(state, message);
    takeSlot(offer);
    state.metrics.active.set(countActive(state.offers));
    return offer;
  } catch (error) {
    state.metrics.replies.inc({ outcome: 'refused' });
    throw error;
  }
}

function assertTakesOrders({ isClosing, outbox }: Pick<ProviderState, 'isClosing' | 'outbox'>): void {
  if (isClosing) throw new Refusal('unavailable', 'shutting down');
  if (outbox.isFull()) throw new Refusal('unavailable', 'too many records wait for their validators');
}

function findOrderedOffer(
  { offers, getPayeeWord }: Pick<ProviderState, 'offers' | 'getPayeeWord'>,
  message: GenerateRequest,
): OfferState {
  try {
    const { modelRoot, expiresAtMs } = parseOrder(message.order?.order ?? new Uint8Array());
    // No validator pays for a record without a payee's statement that holds until its order expires.
    if (BigInt(readPayeeStatement(getPayeeWord())?.validUntilMs ?? 0) < expiresAtMs)
      throw new Refusal('unavailable', "the statement of this provider's payee expires before the order does");
    return findOffer(offers, modelRoot) ?? refuseUnknownRoot(modelRoot);
  } catch (error) {
    if (error instanceof ProtocolError) throw new Refusal('invalid', `order: ${error.message}`);
    throw error;
  }
}

function countServed({ metrics }: Pick<ProviderState, 'metrics'>, counts: ServedCounts): undefined {
  const { promptTokens, cachedTokens, outputTokens, drafts } = counts;
  metrics.replies.inc({ outcome: 'served' });
  metrics.tokens.inc({ kind: 'prompt' }, promptTokens);
  metrics.cached.inc(cachedTokens);
  metrics.tokens.inc({ kind: 'output' }, outputTokens);
  metrics.drafts.inc({ kind: 'proposed' }, drafts.proposed);
  metrics.drafts.inc({ kind: 'accepted' }, drafts.accepted);
}

/** @returns the error that the consumer receives. */
function countFailure({ metrics, log }: Pick<ProviderState, 'metrics' | 'log'>, error: unknown): unknown {
  const refusal = toRefusal(error);
  metrics.replies.inc({ outcome: refusal instanceof Refusal ? 'refused' : 'failed' });
  if (!(refusal instanceof Refusal)) log.error({ err: error }, 'a reply failed');
  return refusal;
}
