import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { ApiError } from '@ogong/host/http/api-error';
import type { Clock } from '@ogong/host/time/clock';
import type { ChainView } from '@ogong/host/views/chain-view';
import { findWeightsProblem, type ModelRoots } from '@ogong/host/views/model-roots';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import { computeFeeFloor, computeMaxFee } from '@ogong/protocol/exchange/fee';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { computeSpanAround } from '@ogong/protocol/exchange/order-span';
import type { Ticket } from '@ogong/protocol/exchange/ticket';
import type { CommonRequest } from '@ogong/protocol/modality/modality';
import { findModality } from '@ogong/protocol/modality/registry';
import { findRouterProblem } from '@ogong/protocol/stage1/registered-router';
import type { ChannelLedger } from '../../books/channel-ledger.ts';
import type { PayingSigner } from '../paying-signer.ts';
import type { BoughtAnswer, ReplyJob } from '../reply.ts';
import type { ValidatorChoice } from '../validator-choice.ts';
import { type AttestedContext, getAttestedRoles, listDemandedRoles } from './attested-roles.ts';
import { findMatch, holdTicket, type MatchContext } from './find-match.ts';
import type { Match, OfferedTerms, ProviderMatch } from './provider-match.ts';
import { type TicketAges, waitUntil } from './ticket-ages.ts';
import type { AheadQuery, TicketsAhead } from './tickets-ahead.ts';

/** Services for finding an offer. */
interface OfferServices {
  readonly chain: Pick<ChainView, 'ledger' | 'validators' | 'router'>;
  readonly payer: Pick<PayingSigner, 'address'>;
  readonly validators: Pick<ValidatorChoice, 'pick'>;
  readonly matches: Pick<ProviderMatch, 'leastTerms'>;
  readonly ledger: Pick<ChannelLedger, 'assertBudgets'>;
  readonly clock: Clock;
  /** Published weights. Default: a provider's claim about its weights is believed. */
  readonly modelRoots?: ModelRoots;
  /** Default: each request asks a router. */
  readonly ahead?: Pick<TicketsAhead, 'take'>;
  /** Default: a request that names its provider is ordered at once. */
  readonly ages?: Pick<TicketAges, 'plan'>;
  readonly onError?: (error: unknown) => void;
}

export type OfferContext = OfferServices & MatchContext & AttestedContext;

/** A drawn provider and a picked validator for a request. Nothing is ordered yet. */
export interface FoundOffer {
  readonly requestHash: Uint8Array;
  readonly nonce: Uint8Array;
  readonly replyId: Uint8Array;
  readonly match: Match;
  /** 20 bytes. */
  readonly validator: Uint8Array;
  readonly validators: readonly QuorumMember[];
  /** Time of the draw. */
  readonly drawnMs: number;
  /** Kind of the request, if others are like it; undefined for a ticket that only this request can use. */
  readonly ordinary?: AheadQuery | undefined;
  /** Whether the ticket was drawn ahead. If not, one more ticket is kept ahead after this order. */
  readonly isKept: boolean;
  /** Time of the order, so that its ticket is as old as those of other orders. Default: at once. */
  readonly orderAtMs?: number | undefined;
}

/**
 * Picks a validator and lets a router draw a provider.
 * @param wanted.nonce a nonce that the client chose. Default: a fresh one.
 * @throws ApiError
 */
export async function findOffer(
  context: OfferContext,
  job: Pick<ReplyJob<CommonRequest, BoughtAnswer>, 'request' | 'provider' | 'signal' | 'key'>,
  {
    requestHash,
    tried,
    nonce: fixed,
    isAhead = false,
    contextSize = findModality(job.request.endpoint).boundContext(job.request),
  }: {
    readonly requestHash: Uint8Array;
    readonly tried: readonly Uint8Array[];
    readonly nonce?: Uint8Array;
    /** Fail at once if all providers are busy. Default: wait for one. */
    readonly isAhead?: boolean;
    /** Default: computed from the texts of the request. */
    readonly contextSize?: number | undefined;
  },
): Promise<FoundOffer> {
  const { validators, payer, chain } = context;
  const { request } = job;
  // Pick the validator first: it is part of the reply id, and the ticket is for one reply id.
  const registered = chain.validators();
  const roles = listDemandedRoles(context, request);
  const [picked] = await Promise.all([validators.pick(), assertAffordable(context, job, contextSize)]);
  const { address: validator } = roles.includes('validator')
    ? await getAttestedRoles(context).pickValidator(picked, registered, job.signal)
    : picked;
  const named = { payer: payer.address, validator };
  const { model, demands, preference } = request;
  const isRouterAttested = roles.includes('router');
  const wanted = { model, demands, preference, contextSize, named };
  const isOrdinary =
    tried.length === 0 &&
    fixed === undefined &&
    job.provider === undefined &&
    !isRouterAttested &&
    (preference === undefined || preference.only.length + preference.ignore.length + preference.attested.length === 0);
  const kept = isOrdinary ? context.ahead?.take(wanted) : undefined;
  const planned = job.provider && fixed === undefined ? context.ages?.plan(wanted) : undefined;
  if (planned) await waitUntil(planned.drawnMs, context.clock, job.signal);
  const found =
    kept ?? (await findMatch(context, job, { ...wanted, nonce: fixed, isAhead, isRouterAttested, exclude: tried }));
  await holdTicket(context, found, async () => {
    await assertPublishedWeights(context, request.model, found.match.ticket.modelRoot);
    await assertRouter(context, found.match);
  });
  const ordinary = isOrdinary ? wanted : undefined;
  const place = { ordinary, isKept: kept !== undefined, orderAtMs: planned?.orderedMs };
  return { requestHash, ...found, validator, validators: registered, ...place };
}

/** A request and the key that pays for it. */
export type PayableRequest = Pick<ReplyJob<CommonRequest, BoughtAnswer>, 'request' | 'key'>;

/**
 * Refuses a request that the budget of its key does not cover at the lowest known price, before a router holds a slot for it. The
 * drawn provider's price is known later, and the order reserves it.
 * @throws ApiError `budget_exceeded`, `credit_exhausted`
 */
export async function assertAffordable(
  { ledger, matches, chain, clock }: Pick<OfferContext, 'ledger' | 'matches' | 'chain' | 'clock'>,
  { request, key }: PayableRequest,
  contextSize = findModality(request.endpoint).boundContext(request),
): Promise<void> {
  const { model } = request;
  const ticket = matches.leastTerms({ model, contextSize });
  const { id: keyId, budgetAtomic: keyBudgetAtomic, dayBudgetAtomic: keyDayBudgetAtomic, organisation } = key;
  const maxFeeAtomic = computeOfferedFee(request, { ticket, escrow: chain.ledger });
  const budgets = { keyId, keyBudgetAtomic, keyDayBudgetAtomic, organisation };
  await ledger.assertBudgets({ ...budgets, maxFeeAtomic, createdMs: clock.nowMs() });
}

/** @throws ApiError `no_provider` unless these weights are published under this name. */
export async function assertPublishedWeights(
  { modelRoots, clock }: Pick<OfferContext, 'modelRoots' | 'clock'>,
  model: string,
  offered: Uint8Array,
): Promise<void> {
  await modelRoots?.prepare([model]);
  const span = computeSpanAround(clock.nowMs());
  const problem = findWeightsProblem(modelRoots, { modelId: model, modelRoot: offered }, span);
  if (problem !== undefined) throw new ApiError('no_provider', `The router's offer is not taken: ${problem}.`);
}

/** @throws ApiError `router_unreachable` if the router has no bond, or did not sign the ticket with its own key. */
export async function assertRouter(
  { chain, clock }: { readonly chain: Pick<ChainView, 'router'>; readonly clock: OfferContext['clock'] },
  { ticket: { router }, signed: { routerKey } }: Pick<Match, 'signed'> & { readonly ticket: Pick<Ticket, 'router'> },
): Promise<void> {
  const named = { router, ticketKey: hashHybridKey(crypto, routerKey) };
  const problem = await findRouterProblem(chain.router, named, computeSpanAround(clock.nowMs())).catch(
    (cause: unknown) => {
      throw new ApiError('router_unreachable', 'The router cannot be looked up on the chain; try again later.', {
        cause,
        retryAfterS: 2,
      });
    },
  );
  if (problem !== undefined) throw new ApiError('router_unreachable', `The router's ticket is not taken: ${problem}.`);
}

/** Returns the highest fee of a request at a price and in a context, or the fee floor if that is higher. */
export function computeOfferedFee(
  request: CommonRequest,
  { ticket, escrow }: { readonly ticket: OfferedTerms; readonly escrow: LedgerDomain },
): bigint {
  const { pricePer1kAtomic, contextSize } = ticket;
  const promptTokens = findModality(request.endpoint).boundBilled(request, contextSize);
  const mostAtomic = computeMaxFee({ promptTokens, outputTokens: 0 }, pricePer1kAtomic);
  const floorAtomic = computeFeeFloor(escrow);
  return mostAtomic < floorAtomic ? floorAtomic : mostAtomic;
}
