import { setTimeout as delay } from 'node:timers/promises';
import { EngineError } from '@ogong/engine/interface/engine-error';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { Refusal } from '@ogong/host/link/link-error';
import { type Clock, monotonicClock } from '@ogong/host/time/clock';
import { MAX_REQUEST_BYTES } from '@ogong/protocol/exchange/limits';
import { parseModelId } from '@ogong/protocol/exchange/match';
import type { CountTokensRequest } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { attachMedia } from '@ogong/protocol/modality/media/detach-media';
import { getTier } from '@ogong/protocol/tier/registry';
import { findModality } from '../../modality/registry.ts';
import { findOffer, type OfferState } from './offers.ts';
import { refuseUnknownRoot } from './order-check.ts';
import { toRefusal } from './order-intake.ts';

export type TokenCounts = (
  message: Pick<CountTokensRequest, 'modelRoot' | 'request' | 'media'>,
  signal: AbortSignal,
) => Promise<number>;

/** Counts that wait for their turn. */
const MOST_WAITING = 8;
/** A count that took a second is followed by nine without one: paid replies have the engine for the rest of the time. */
const REST = 9;

/**
 * Counts the tokens of chats for nothing: one at a time, and for a tenth of the time at most. A model that is not loaded stays so.
 * @throws Refusal
 */
export function createTokenCounts(
  { offers, clock }: { readonly offers: readonly OfferState[]; readonly clock: Clock },
  {
    uptime = monotonicClock,
    rest = (ms: number): Promise<void> => delay(ms, undefined, { ref: false }),
  }: { readonly uptime?: Clock; readonly rest?: (ms: number) => Promise<void> } = {},
): TokenCounts {
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  return async (message, signal) => {
    const offer = findCounted(offers, message);
    if (waiting >= MOST_WAITING) throw new Refusal('unavailable', 'too many counts wait; try again later');
    waiting++;
    let tookMs = 0;
    const turn = last.then(async () => {
      waiting--;
      signal.throwIfAborted();
      const begunMs = uptime.nowMs();
      try {
        return await count(offer, message, clock);
      } finally {
        tookMs = uptime.nowMs() - begunMs;
      }
    });
    last = turn.catch(() => undefined).then(() => rest(REST * tookMs));
    return turn;
  };
}

/** @throws Refusal */
function findCounted(offers: readonly OfferState[], { modelRoot, request }: Parameters<TokenCounts>[0]): OfferState {
  if (request.length > MAX_REQUEST_BYTES)
    throw new Refusal('invalid', `a request has at most ${MAX_REQUEST_BYTES} bytes`);
  const offer = findOffer(offers, modelRoot) ?? refuseUnknownRoot(modelRoot);
  if (getTier(parseModelId(offer.modelId).tier).channel === 'sealed')
    throw new Refusal('precondition', 'this tier takes sealed requests alone, and none is counted');
  if (offer.presence?.isLoaded() === false)
    throw new Refusal('unavailable', `${offer.modelId} is not loaded; try another provider`);
  return offer;
}

async function count(
  { engine }: OfferState,
  { request, media }: Parameters<TokenCounts>[0],
  clock: Clock,
): Promise<number> {
  try {
    const { countPrompt, modelNoun } = findModality(engine);
    if (countPrompt === undefined) throw new Refusal('unsupported', `${modelNoun} counts no tokens of chats`);
    return await countPrompt(engine, {
      body: request,
      media: attachMedia(crypto, request, media),
      nowMs: clock.nowMs(),
    });
  } catch (error) {
    if (error instanceof EngineError && error.code === 'unsupported-model')
      throw new Refusal('unsupported', error.message);
    throw toRefusal(error);
  }
}
