import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { ApiError } from '@ogong/host/http/api-error';
import { findWeightsProblem } from '@ogong/host/views/model-roots';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { computeFeeFloor, computeMaxFee } from '@ogong/protocol/exchange/fee';
import { computeOrderLifetime } from '@ogong/protocol/exchange/limits';
import { encodeOrder, hashOrder, type LedgerDomain, type Order } from '@ogong/protocol/exchange/order';
import type { Ticket } from '@ogong/protocol/exchange/ticket';
import type { CommonRequest } from '@ogong/protocol/modality/modality';
import { findModality } from '@ogong/protocol/modality/registry';
import { hashReadRequest } from '@ogong/protocol/modality/request-hash';
import { computeSpanAround } from '@ogong/protocol/stage1/published-root';
import { findRouterProblem } from '@ogong/protocol/stage1/registered-router';
import { ATTESTED_ROLES, type AttestedRole } from '@ogong/protocol/tier/attested-role';
import { ANONYMOUS } from '../books/api-keys.ts';
import type { OrderBytes } from '../books/order-book.ts';
import { type AttestedRoles, refuse } from './match/attested-roles.ts';
import { type FoundMatch, findMatch, giveBack } from './match/find-match.ts';
import type { Match } from './match/provider-match.ts';
import { waitUntil } from './match/ticket-ages.ts';
import type { AheadQuery } from './match/tickets-ahead.ts';
import type { BoughtAnswer, ProviderAttempt, ReplyContext, ReplyJob } from './reply.ts';

/** What an order takes of a job. */
type OrderedJob = Pick<
  ReplyJob<CommonRequest, BoughtAnswer>,
  'completionId' | 'choice' | 'index' | 'key' | 'request' | 'signal'
>;

/** An order without its cumulative amount, which the channel ledger sets. */
export type AttemptTerms = Omit<Order, 'cumulativeAtomic'>;

/**
 * Finds a provider and a validator, and signs an order for them.
 * @param tried providers that this job was already tried with.
 * @param options.isAhead whether no provider is waited for while all are busy.
 * @throws ApiError
 */
export async function openAttempt(
  context: ReplyContext,
  job: ReplyJob<CommonRequest, BoughtAnswer>,
  tried: readonly Uint8Array[],
  { isAhead = false } = {},
): Promise<ProviderAttempt> {
  const { request } = job;
  const requestHash = hashReadRequest(crypto, request, job.body);
  const offer = await findOffer(context, job, { requestHash, tried, isAhead });
  const attempt = await holdTicket(context, offer, async () => {
    job.onMatch?.(offer.match.ticket);
    if (offer.orderAtMs !== undefined) await waitUntil(offer.orderAtMs, context.clock, job.signal);
    return orderOffer(context, job, offer);
  });
  const { ordinary, isKept, drawnMs } = offer;
  if (ordinary !== undefined) {
    context.ages?.note(ordinary, { drawnMs, orderedMs: attempt.startedMs });
    if (!isKept) context.ahead?.keep(ordinary);
  }
  return attempt;
}

/** Gives the ticket back where nothing comes of it: it would hold a slot of its provider until it expires. */
async function holdTicket<T>(
  context: Pick<ReplyContext, 'links' | 'onError'>,
  held: Pick<FoundMatch, 'replyId' | 'match'>,
  use: () => Promise<T>,
): Promise<T> {
  try {
    return await use();
  } catch (error) {
    // Nobody waits for its router.
    giveBack(context, held).catch((failure: unknown) => context.onError?.(failure));
    throw error;
  }
}

/** Who would answer a request, and who would handle it. Nothing is ordered yet. */
export interface FoundOffer {
  readonly requestHash: Uint8Array;
  readonly nonce: Uint8Array;
  readonly replyId: Uint8Array;
  readonly match: Match;
  /** 20 bytes. */
  readonly validator: Uint8Array;
  readonly validators: ProviderAttempt['validators'];
  /** When the ticket was drawn. */
  readonly drawnMs: number;
  /** What it asked for as many others do; undefined for what is drawn for itself alone. */
  readonly ordinary?: AheadQuery | undefined;
  /** The ticket was there before; otherwise one more is kept, once this is ordered. */
  readonly isKept: boolean;
  /** It is ordered then, so that its ticket is as old as others. Default: at once. */
  readonly orderAtMs?: number | undefined;
}

/**
 * Picks a validator and has a provider drawn.
 * @param wanted `nonce`: one that the client has fixed; drawn here by default.
 * @throws ApiError
 */
export async function findOffer(
  context: ReplyContext,
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
    /** Whether no provider is waited for while all are busy. Default: one is. */
    readonly isAhead?: boolean;
    /** Default: as its texts have it. */
    readonly contextSize?: number | undefined;
  },
): Promise<FoundOffer> {
  const { validators, payer, chain } = context;
  const { request } = job;
  // The ticket is for one reply, and the order's validator is part of the reply's name.
  const registered = chain.validators();
  const roles = listDemanded(context, request);
  const [picked] = await Promise.all([validators.pick(), assertAffordable(context, job, contextSize)]);
  const { address: validator } = roles.includes('validator')
    ? await getRoles(context).pickValidator(picked, registered, job.signal)
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

/**
 * Refuses what the budget of its key does not cover at the lowest price that is known, before a router holds a slot for it. What the
 * drawn provider takes is known only later, and reserved then.
 * @throws ApiError `budget_exceeded`, `credit_exhausted`
 */
async function assertAffordable(
  { ledger, matches, chain }: Pick<ReplyContext, 'ledger' | 'matches' | 'chain'>,
  { request, key }: Pick<ReplyJob<CommonRequest, BoughtAnswer>, 'request' | 'key'>,
  contextSize: number,
): Promise<void> {
  const { model } = request;
  const ticket = { pricePer1kAtomic: matches.leastPrice({ model, contextSize }) };
  const { id: keyId, budgetAtomic: keyBudgetAtomic, organisation } = key;
  const maxFeeAtomic = computeOffered(request, { ticket, escrow: chain.ledger });
  await ledger.assertBudgets({ keyId, keyBudgetAtomic, organisation, maxFeeAtomic });
}

/** Signs an order for an offer. @throws ApiError, StoreError */
export async function orderOffer(
  context: ReplyContext,
  job: OrderedJob,
  { requestHash, nonce, replyId, match, validator, validators }: FoundOffer,
): Promise<ProviderAttempt> {
  const { clock, payer, chain } = context;
  const beacon = context.beacon.latest();
  const machines = await showMachines(context, job, { match, validator, validators, beacon });
  const nowMs = clock.nowMs();
  const terms = buildTerms(job, {
    ticket: match.ticket,
    ...{ payer: payer.address, validator, nonce, requestHash },
    epoch: beacon.epoch,
    nowMs,
    escrow: chain.ledger,
  });
  const order = await reserveOrder(context, { job, replyId, terms, nowMs });
  return { replyId, match, beacon, validator, validators, order, startedMs: nowMs, ...(machines && { machines }) };
}

/** Roles whose machines a request, or its gateway, demands to be shown. */
const listDemanded = (
  { demandedRoles = [] }: Pick<ReplyContext, 'demandedRoles'>,
  { preference }: Pick<CommonRequest, 'preference'>,
): readonly AttestedRole[] =>
  ATTESTED_ROLES.filter((role) => demandedRoles.includes(role) || preference?.attested.includes(role));

/** @throws UnattestedError where this gateway asks no machines. */
function getRoles({ attested }: Pick<ReplyContext, 'attested'>): AttestedRoles {
  if (attested === undefined) throw refuse('validator', 'this gateway asks no machines');
  return attested;
}

/** For the receipt: they answer the beacon of the order. @throws UnattestedError */
async function showMachines(
  context: ReplyContext,
  { request, signal }: Pick<OrderedJob, 'request' | 'signal'>,
  { match, validator, validators, beacon }: Pick<ProviderAttempt, 'match' | 'validator' | 'validators' | 'beacon'>,
): Promise<ReadonlyMap<string, Uint8Array> | undefined> {
  const roles = listDemanded(context, request);
  const member = validators.find(({ address }) => equalBytes(address, validator));
  if (roles.length === 0 || member === undefined) return undefined;
  return getRoles(context).show(
    roles,
    { router: match.router, routerKey: match.signed.routerKey, validator: member },
    beacon,
    signal,
  );
}

/** @throws ApiError `no_provider` where nobody has published these weights under this name. */
export async function assertPublishedWeights(
  { modelRoots, clock }: Pick<ReplyContext, 'modelRoots' | 'clock'>,
  model: string,
  offered: Uint8Array,
): Promise<void> {
  await modelRoots?.prepare([model]);
  const span = computeSpanAround(clock.nowMs());
  const problem = findWeightsProblem(modelRoots, { modelId: model, modelRoot: offered }, span);
  if (problem !== undefined) throw new ApiError('no_provider', `The router's offer is not taken: ${problem}.`);
}

/** @throws ApiError `router_unreachable` where the router has no bond, or its ticket is signed by another key than its own. */
export async function assertRouter(
  { chain, clock }: { readonly chain: Pick<ReplyContext['chain'], 'router'>; readonly clock: ReplyContext['clock'] },
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

export interface TermsInput extends Pick<AttemptTerms, 'payer' | 'validator' | 'requestHash' | 'nonce' | 'epoch'> {
  readonly ticket: ProviderAttempt['match']['ticket'];
  readonly nowMs: number;
  /** Domain of the escrow. */
  readonly escrow: LedgerDomain;
}

/** The order's terms: price, payee and context from the ticket, and the most that the request can cost, or the floor. */
export function buildTerms(
  { request, choice }: Pick<ReplyJob<CommonRequest, BoughtAnswer>, 'request' | 'choice'>,
  { ticket, nowMs, escrow, ...drawn }: TermsInput,
): AttemptTerms {
  const { modelRoot, providerId, payee, router, contextSize, pricePer1kAtomic } = ticket;
  const bound = findModality(request.endpoint).boundTokens(request);
  return {
    ...drawn,
    modelRoot,
    providerId,
    payee,
    router,
    choice,
    contextSize,
    pricePer1kAtomic,
    maxFeeAtomic: computeOffered(request, { ticket, escrow }),
    expiresAtMs: BigInt(nowMs + computeOrderLifetime({ maxTokens: bound.outputTokens })),
  };
}

/** The most that a request can cost at a price, or the floor. */
function computeOffered(
  request: CommonRequest,
  { ticket, escrow }: { readonly ticket: Pick<Ticket, 'pricePer1kAtomic'>; readonly escrow: LedgerDomain },
): bigint {
  const mostAtomic = computeMaxFee(findModality(request.endpoint).boundTokens(request), ticket.pricePer1kAtomic);
  const floorAtomic = computeFeeFloor(escrow);
  return mostAtomic < floorAtomic ? floorAtomic : mostAtomic;
}

/**
 * Signs an order while it is written to the channel ledger: an order that is not on the disk is not sent.
 * @throws ApiError, StoreError
 */
async function reserveOrder(
  { ledger, funding, payer, chain, renewKey = async (key) => key }: ReplyContext,
  {
    job,
    replyId,
    terms,
    nowMs,
  }: {
    readonly job: OrderedJob;
    readonly replyId: Uint8Array;
    readonly terms: AttemptTerms;
    readonly nowMs: number;
  },
): Promise<OrderBytes> {
  // Read anew for each order: a key may have been revoked, or a budget lowered, while its request ran.
  const key = await renewKey(job.key);
  if (key === undefined) throw new ApiError('invalid_api_key', 'The key of this request has ended.');
  const validator = toHex(terms.validator);
  const { owedAtomic, outstandingAtomic } = await ledger.channel(validator);
  const needed = owedAtomic + outstandingAtomic + terms.maxFeeAtomic;
  const held = (await ledger.held(validator, nowMs)) + terms.maxFeeAtomic;
  const { spendable, spent } = await funding.provide(terms.validator, needed, held);
  // It would hold its budget until it expires, and is never sent.
  job.signal.throwIfAborted();
  const reservation = {
    replyId: toHex(replyId),
    completionId: job.completionId,
    choice: job.index ?? job.choice,
    validator,
    keyId: key.id,
    keyBudgetAtomic: key.budgetAtomic,
    organisation: key.organisation,
    model: job.request.model,
    isShared: key.id !== ANONYMOUS.id,
    maxFeeAtomic: terms.maxFeeAtomic,
    spendableAtomic: spendable,
    spentAtomic: spent,
    createdMs: nowMs,
    expiresMs: Number(terms.expiresAtMs),
  };
  return ledger.reserve(reservation, (cumulativeAtomic) => {
    const order = { ...terms, cumulativeAtomic };
    return { order: encodeOrder(order), signature: payer.signDigest(hashOrder(crypto, chain.ledger, order)) };
  });
}
