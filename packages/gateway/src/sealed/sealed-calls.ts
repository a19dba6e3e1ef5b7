import { ApiError } from '@ogong/host/http/api-error';
import type { LinkPool } from '@ogong/host/link/link-pool';
import type { SpanPlace } from '@ogong/host/metrics/trace-context';
import { toHex } from '@ogong/protocol/base/bytes';
import { MAX_ORDER_LIFETIME_MS } from '@ogong/protocol/exchange/limits';
import { ENDPOINT_INFO, type EndpointName } from '@ogong/protocol/modality/endpoints';
import type { CommonRequest } from '@ogong/protocol/modality/modality';
import type { Receipt } from '@ogong/protocol/stage1/receipt';
import type { SealedOffer } from '@ogong/protocol/stage1/sealed-offer';
import type { CallStore } from '../books/call-store.ts';
import type { ChannelLedger } from '../books/channel-ledger.ts';
import { isRefusal, openProgress, type ProgressContext } from '../buy/follow-provider.ts';
import { giveBack } from '../buy/match/find-match.ts';
import type { FoundOffer } from '../buy/match/find-offer.ts';
import { createAttemptNotes, type NotesContext } from '../buy/note-attempt.ts';
import { type OrderOfferContext, orderOffer } from '../buy/order-offer.ts';
import type { OrderPacing } from '../buy/order-pacing.ts';
import type { ProviderCallOptions } from '../buy/provider-call.ts';
import { isEnded } from '../buy/provider-ended.ts';
import type { PayingKey, ProviderAttempt } from '../buy/reply.ts';
import type { ReplyProgress } from '../buy/reply-progress.ts';
import type { KnownSealKeys } from '../buy/seal/seal-keys.ts';
import { createBrokenReplies, createUnknown } from './broken-replies.ts';
import {
  type ComplainContext,
  complainOfSealed,
  type DeliverContext,
  deliverSealed,
  type HeldPart,
  type HeldSealed,
  type KeepPartContext,
  keepPassed,
  type SealedPassage,
} from './close-sealed.ts';
import { createDoubtedProviders } from './doubted-providers.ts';
import { type FindSealedContext, findSealed, type SealedQuery } from './find-sealed.ts';
import { type FollowSealedContext, followSealed, UnsaidText } from './follow-sealed.ts';
import { SEAL_KEY_EXPIRED, SealedBreach, type SealedEvent } from './pass-sealed.ts';
import { createUntakenOffers } from './untaken-offers.ts';
import type { KnownValidatorKeys } from './validator-keys.ts';

/** Replies to requests that their clients have sealed. This gateway orders, pays and passes them on, and opens nothing. */
export interface SealedCalls {
  /**
   * Lets a router draw a provider.
   * @param leave called once the offer is over: served, or not taken in time.
   * @throws ApiError; then it was not called.
   */
  offer(asked: SealedQuery, key: PayingKey, options: { leave(): void; signal: AbortSignal }): Promise<SealedOffer>;
  /** Returns the open offer of this key under this id. @throws ApiError */
  find(replyId: string, key: PayingKey): Pick<SealedQuery, 'request'>;
  /** Orders an offer. Streams the provider's messages, and returns the parts of the reply's receipt. @throws ApiError */
  serve(
    replyId: string,
    key: PayingKey,
    call: {
      readonly envelope: Uint8Array;
      /** Sealed pieces of the media of the request. Default: it names none. */
      readonly media?: readonly Uint8Array[] | undefined;
      /** The client takes milestones, and reports its part if the reply breaks off. */
      readonly milestones: boolean;
      readonly signal: AbortSignal;
      readonly caller?: SpanPlace | undefined;
    },
  ): AsyncGenerator<SealedEvent, PassedReceipt>;
  /** Whether this reply broke off and waits for its client's part. */
  awaitsPart(replyId: string, key: PayingKey): boolean;
  /** Notes the client's progress on a running reply. @throws ApiError */
  progress(replyId: string, key: PayingKey, said: Parameters<ReplyProgress['know']>[0]): void;
  /**
   * Closes a reply: the client has it or a part of it, or rejects it. A repetition changes nothing.
   * @returns the receipt of a part; undefined otherwise.
   * @throws ApiError
   */
  close(replyId: string, key: PayingKey, outcome: SealedOutcome): Promise<Receipt | undefined>;
  stop(): void;
}

export interface PassedReceipt extends Pick<SealedPassage, 'receipt'> {
  /** Tokens of prompt and answer, as the provider claims. */
  readonly tokens: number;
}

export type SealedOutcome = HeldSealed | HeldPart | { readonly reason: string };

/** Services for the steps of a sealed call. */
export type SealedContext = FindSealedContext &
  OrderOfferContext &
  NotesContext &
  ProgressContext &
  FollowSealedContext &
  ComplainContext &
  DeliverContext &
  KeepPartContext & { readonly ledger: Pick<ChannelLedger, 'find'>; readonly calls: Pick<CallStore, 'put'> };

export interface SealedCallsDependencies {
  readonly context: SealedContext;
  readonly sealKeys: Pick<KnownSealKeys, 'show' | 'forget'>;
  readonly validatorKeys: KnownValidatorKeys;
  readonly links: LinkPool;
  readonly patience: ProviderCallOptions;
  readonly pacing: OrderPacing;
}

interface Offered {
  readonly key: PayingKey;
  readonly asked: SealedQuery;
  readonly offer: FoundOffer;
  leave(): void;
  readonly timer: NodeJS.Timeout;
}

interface Passed {
  readonly keyId: string;
  readonly untilMs: number;
  readonly reply: SealedPassage;
  isClosed: boolean;
}

/** A ticket holds a slot of its provider, so an offer waits only briefly. */
const OFFER_WAIT_MS = 30_000;
/** Replies that their clients have not closed yet. */
const MAX_PASSED = 4_096;
const NOTHING = new Uint8Array();

export function createSealedCalls({
  context,
  sealKeys,
  validatorKeys,
  links,
  patience,
  pacing,
}: SealedCallsDependencies): SealedCalls {
  const { clock } = context;
  const offered = new Map<string, Offered>();
  const running = new Map<
    string,
    { readonly keyId: string; readonly progress: ReplyProgress; readonly providerId: Uint8Array; reason?: string }
  >();
  const doubted = createDoubtedProviders(clock);
  const untaken = createUntakenOffers(OFFER_WAIT_MS, clock);
  const broken = createBrokenReplies(context, doubted);
  const passed = new Map<string, Passed>();

  function drop(name: string): Offered | undefined {
    const held = offered.get(name);
    clearTimeout(held?.timer);
    offered.delete(name);
    return held;
  }

  function expire(name: string): void {
    const held = drop(name);
    if (held === undefined) return;
    untaken.note(held.key);
    held.leave();
    giveBack(context, held.offer).catch((error: unknown) => context.onError?.(error));
  }

  function findOffered(replyId: string, { id }: PayingKey): Offered {
    const held = offered.get(replyId);
    if (held?.key.id !== id) throw createUnknown('offer', replyId);
    return held;
  }

  function keep(name: string, entry: Passed): void {
    const nowMs = clock.nowMs();
    for (const [known, { untilMs }] of passed) {
      if (untilMs > nowMs && passed.size < MAX_PASSED) break;
      passed.delete(known);
    }
    passed.set(name, entry);
  }

  const noteError = (error: unknown): false => {
    context.onError?.(error);
    return false;
  };

  /** The client's report counts for others once the complaint is on its way. Without one it counts for its own account. */
  async function complain(reply: SealedPassage, key: PayingKey, reason: string): Promise<void> {
    const isSent = await complainOfSealed(context, reply, { reason, key });
    const { providerId } = reply.attempt.match.ticket;
    if (isSent) doubted.note(providerId, key, false);
    else doubted.noteOwn(providerId, key);
  }

  return {
    async offer(asked, key, { leave, signal }) {
      untaken.assertMayAsk(key);
      const [offer, shown] = await findSealed({ context, sealKeys, validatorKeys, doubted }, asked, { key, signal });
      const name = toHex(offer.replyId);
      const isKnown = (await context.ledger.find(name)) !== undefined;
      if (isKnown || offered.has(name) || running.has(name)) {
        await giveBack(context, offer);
        throw new ApiError('invalid_request', 'A nonce is for one offer.', { param: 'nonce', publicCode: null });
      }
      const timer = setTimeout(() => expire(name), OFFER_WAIT_MS);
      timer.unref();
      // The client has the list now.
      const kept = { ...offer, match: { ...offer.match, candidates: NOTHING } };
      offered.set(name, { key, asked, offer: kept, leave, timer });
      return shown;
    },

    find: (replyId, key) => findOffered(replyId, key).asked,

    async *serve(replyId, key, { envelope, media, milestones, signal, caller }) {
      const { asked, offer, leave } = findOffered(replyId, key);
      drop(replyId);
      const { endpoint, request, choice, settlementType } = asked;
      const { maxTokens }: CommonRequest & { readonly maxTokens?: number } = request;
      const job = { completionId: nameCompletion(endpoint, replyId), choice, key, request, signal };
      const notes = createAttemptNotes(context, { ...job, endpoint, caller });
      let attempt: ProviderAttempt | undefined;
      try {
        const terms = { settlementType, payment: undefined };
        const registered = context.calls.put(job.completionId, terms, clock.nowMs());
        attempt = await registered
          .then(() => orderOffer(context, job, offer))
          .catch(async (error: unknown) => {
            // The ticket holds a slot of its provider, and will not be used.
            await giveBack(context, offer).catch((failure: unknown) => context.onError?.(failure));
            throw error;
          });
        notes.ordered(attempt);
        const progress = openProgress(context, attempt);
        running.set(replyId, { keyId: key.id, progress, providerId: attempt.match.ticket.providerId });
        const run = { attempt, envelope, media, maxTokens, milestones, progress, signal };
        const end = yield* followSealed(context, { links, options: patience, pacing }, run);
        const reply = await keepPassed(
          context,
          { endpoint, request, settlementType, attempt, progress: progress.latest() },
          end,
        );
        const reason = running.get(replyId)?.reason;
        // The client rejected the reply while it ran.
        const isClosed = reason !== undefined && (await complain(reply, key, reason).then(() => true, noteError));
        keep(replyId, { keyId: key.id, untilMs: clock.nowMs() + MAX_ORDER_LIFETIME_MS, reply, isClosed });
        const { promptTokens, outputTokens } = end.finished;
        notes.ended(attempt, { reply: { promptTokens, outputTokens } });
        return { receipt: reply.receipt, tokens: promptTokens + outputTokens };
      } catch (error) {
        if (attempt) notes.ended(attempt, { error });
        const run = running.get(replyId);
        const hasEnded = isEnded(error);
        const isFailed = hasEnded || !(isRefusal(error) || error instanceof SealedBreach);
        const isBroken = run && !signal.aborted && isFailed;
        if (attempt && milestones && isBroken) {
          const isUnsaid = error instanceof UnsaidText;
          const passage = { endpoint, request, settlementType, attempt };
          broken.put(replyId, { keyId: key.id, ...passage, isUnsaid, isEnded: hasEnded });
          // The client will report no part.
          if (run.reason !== undefined) await broken.close(replyId, key, { reason: run.reason });
        }
        if (error instanceof ApiError && error.publicCode === SEAL_KEY_EXPIRED) sealKeys.forget(offer.match);
        if (error instanceof ApiError && !signal.aborted) {
          const { code, message: reason } = error;
          await context.ledger.noteFailure(replyId, { code, reason, shownBytes: 0 });
        }
        throw error;
      } finally {
        running.delete(replyId);
        leave();
      }
    },

    awaitsPart: broken.has,

    progress(replyId, { id }, said) {
      const run = running.get(replyId);
      if (run?.keyId !== id) throw createUnknown('running reply', replyId);
      run.progress.know(said);
    },

    async close(replyId, key, outcome) {
      const { id } = key;
      const run = running.get(replyId);
      if (run?.keyId === id && 'reason' in outcome) {
        run.reason = outcome.reason;
        doubted.noteOwn(run.providerId, key);
        return undefined;
      }
      if (broken.has(replyId, key)) return broken.close(replyId, key, outcome);
      const entry = passed.get(replyId);
      if (entry?.keyId !== id) throw createUnknown('reply that waits for a word', replyId);
      if (entry.isClosed) return undefined;
      entry.isClosed = true;
      try {
        if ('milestone' in outcome) throw createUnknown('reply that broke off', replyId);
        if ('reason' in outcome) await complain(entry.reply, key, outcome.reason);
        else {
          await deliverSealed(context, entry.reply, outcome);
          doubted.note(entry.reply.attempt.match.ticket.providerId, key, true);
        }
        return undefined;
      } catch (error) {
        entry.isClosed = false;
        throw error;
      }
    },

    stop() {
      for (const name of [...offered.keys()]) expire(name);
      broken.stop();
    },
  };
}

/** Returns the id that clients give to the answer. */
const nameCompletion = (endpoint: EndpointName, replyId: string): string =>
  `${ENDPOINT_INFO[endpoint].idPrefix}-${replyId}`;
