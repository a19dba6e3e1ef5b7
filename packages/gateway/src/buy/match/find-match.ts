import { setImmediate as breathe } from 'node:timers/promises';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { ApiError } from '@ogong/host/http/api-error';
import type { LinkPool } from '@ogong/host/link/link-pool';
import type { Clock } from '@ogong/host/time/clock';
import type { ChainView } from '@ogong/host/views/chain-view';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { computeMatchSeed, openMatch, parseCandidates } from '@ogong/protocol/exchange/match';
import { computeReplyId, type Order } from '@ogong/protocol/exchange/order';
import { RouterService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { ReplyJob } from '../reply.ts';
import type { Match, MatchQuery, ProviderMatch } from './provider-match.ts';

/** A list changes as providers become busy and free. */
const MAX_LISTS = 4;
/** Suffices for a provider with a five-hundredth of all weight, all but once in three thousand times. */
const MAX_NONCES = 4_096;
const NONCES_AT_ONCE = 128;

/** Services for drawing a provider. */
export interface MatchContext {
  readonly chain: Pick<ChainView, 'ledger'>;
  readonly links: LinkPool;
  readonly matches: Pick<ProviderMatch, 'match'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly randomBytes: (length: number) => Uint8Array;
}

export interface WantedMatch extends Omit<MatchQuery, 'replyId' | 'signal'> {
  readonly named: Pick<Order, 'payer' | 'validator'>;
  /** A nonce that the client chose. Default: a fresh one. */
  readonly nonce?: Uint8Array | undefined;
}

export interface FoundMatch {
  readonly nonce: Uint8Array;
  readonly replyId: Uint8Array;
  readonly match: Match;
  /** Time of the draw. */
  readonly drawnMs: number;
}

/**
 * Finds a match under a fresh nonce. If the job names its provider, nonces are drawn until the router's own draw gives that
 * provider. So ticket, list and order look like those of any other request.
 * @throws ApiError; `no_provider` if the provider is not listed for such a request.
 */
export async function findMatch(
  context: MatchContext,
  { provider, signal }: Pick<ReplyJob, 'provider' | 'signal'>,
  { named, nonce: fixed, ...wanted }: WantedMatch,
): Promise<FoundMatch> {
  const { matches, chain, randomBytes, clock } = context;
  const nameReply = (nonce: Uint8Array): Uint8Array => computeReplyId(crypto, chain.ledger, { ...named, nonce });
  let nonce = fixed ?? randomBytes(32);
  for (let lists = 0; lists < MAX_LISTS; lists++) {
    const replyId = nameReply(nonce);
    const match = await matches.match({ ...wanted, replyId, signal });
    if (provider === undefined || equalBytes(match.ticket.providerId, provider)) {
      return { nonce, replyId, match, drawnMs: clock.nowMs() };
    }
    // Give the ticket back first: the slot that it holds could keep a provider off the next list.
    await giveBack(context, { replyId, match });
    const { candidates } = parseCandidates(match.candidates);
    if (!candidates.some(({ providerId }) => equalBytes(providerId, provider))) throw refuseNamed();
    const drawn = openMatch(crypto, match.candidates);
    const isIts = (one: Uint8Array): boolean => {
      const found = drawn(computeMatchSeed(crypto, nameReply(one)));
      return found !== undefined && equalBytes(found.providerId, provider);
    };
    nonce = await findNonce(context, isIts, signal);
  }
  throw refuseNamed();
}

/** @throws ApiError if no nonce is found: the provider is not on the list, or almost never drawn. */
async function findNonce(
  { randomBytes }: Pick<MatchContext, 'randomBytes'>,
  isRight: (nonce: Uint8Array) => boolean,
  signal: AbortSignal,
): Promise<Uint8Array> {
  for (let tried = 0; tried < MAX_NONCES; tried++) {
    const nonce = randomBytes(32);
    if (isRight(nonce)) return nonce;
    if (tried % NONCES_AT_ONCE === NONCES_AT_ONCE - 1) await breathe(undefined, { signal });
  }
  throw refuseNamed();
}

const refuseNamed = (): ApiError =>
  new ApiError('no_provider', 'The provider that the request names is not listed for it now.', { retryAfterS: 2 });

/** Gives a ticket back, so that it does not hold its slot until it expires. */
export async function giveBack(
  { links }: Pick<MatchContext, 'links'>,
  { replyId, match }: Pick<FoundMatch, 'replyId' | 'match'>,
): Promise<void> {
  const { providerId } = match.ticket;
  const message = { replyId, providerId, outcome: 'unused', outputTokens: 0, durationMs: 0, firstTokenMs: 0 };
  await links
    .to(RouterService, match.router)
    .report(message)
    .catch(() => undefined);
}

/** Gives the ticket back if `use` fails. Otherwise it would hold a slot of its provider until it expires. */
export async function holdTicket<T>(
  context: Pick<MatchContext, 'links'> & { readonly onError?: (error: unknown) => void },
  held: Pick<FoundMatch, 'replyId' | 'match'>,
  use: () => Promise<T>,
): Promise<T> {
  try {
    return await use();
  } catch (error) {
    // Do not wait for the router.
    giveBack(context, held).catch((failure: unknown) => context.onError?.(failure));
    throw error;
  }
}
