import { setTimeout as delay } from 'node:timers/promises';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { ApiError } from '@ogong/host/http/api-error';
import type { LinkError } from '@ogong/host/link/link-error';
import type { Peer } from '@ogong/host/link/link-pool';
import { type Clock, monotonicClock } from '@ogong/host/time/clock';
import type { EarningsView } from '@ogong/host/views/earnings-view';
import { computeBackoff } from '@ogong/protocol/base/backoff';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { MAX_EXCLUDED_PROVIDERS, MAX_ONLY_PROVIDERS } from '@ogong/protocol/exchange/limits';
import { type CandidateList, parseCandidates, roundContext } from '@ogong/protocol/exchange/match';
import { findMisrouting, isNamedList } from '@ogong/protocol/exchange/misrouting';
import type { AskedMatch, Sort } from '@ogong/protocol/exchange/preference';
import { type Ticket, verifyTicket } from '@ogong/protocol/exchange/ticket';
import type {
  ModelSupply,
  RouteRequestSchema,
  RouteResponse,
  SignedTicket,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { Demands } from '@ogong/protocol/modality/demands';
import { NO_PREFERENCE, type RequestPreference } from '@ogong/protocol/modality/shared/preference-fields';
import { type AttestedRoles, refuse } from './attested-roles.ts';
import { isRefusal, type Routers } from './routers.ts';
import { findStakeShortfall } from './stake-shortfall.ts';

export interface MatchQuery {
  readonly model: string;
  readonly replyId: Uint8Array;
  /** The most tokens of prompt and reply together. */
  readonly contextSize: number;
  /** Demands of the request on its provider. */
  readonly demands: Demands;
  /** Preference among providers. Default: the gateway's own. */
  readonly preference?: RequestPreference | undefined;
  /** The router has to show its machine before it learns of the request. */
  readonly isRouterAttested?: boolean;
  /** Refuse at once if all providers are busy: no request waits for this match, or it need not wait. */
  readonly isAhead?: boolean;
  /** Providers that this reply was already tried with. */
  readonly exclude: readonly Uint8Array[];
  readonly signal: AbortSignal;
}

export interface Match {
  readonly ticket: Ticket;
  readonly signed: SignedTicket;
  /** The router that signed it. It receives the report about its outcome. */
  readonly router: Peer;
  /** The list that the router drew from, as the ticket names it. */
  readonly candidates: Uint8Array;
}

/** A match as a provider sees it: without its router. */
export type TicketedMatch = Omit<Match, 'router'>;

/** The terms that the maximum fee of an order depends on. */
export type OfferedTerms = Pick<Ticket, 'pricePer1kAtomic' | 'contextSize'>;

export interface ProviderMatch {
  /** @throws ApiError `model_not_found`, `no_provider`, `router_unreachable` */
  match(query: MatchQuery): Promise<Match>;
  /**
   * The lowest price and the largest context of the last list for at least this context; price 0 if there was none of late.
   * A budget that does not cover a reply under these terms need not be matched.
   */
  leastTerms(query: Pick<MatchQuery, 'model' | 'contextSize'>): OfferedTerms;
  /** Excludes this provider for a day. */
  exclude(providerId: Uint8Array): void;
}

export interface ProviderMatchOptions {
  readonly maxPricePer1kAtomic: bigint;
  /** Time that a request waits while every provider is busy. */
  readonly busyPatienceMs: number;
  /** Order of providers for a request without a preference. Default: none. */
  readonly sort?: Sort;
  /** The least stake in whole tokens, for requests that name none. Default: 0. */
  readonly minHeldTokens?: bigint;
  /** The least stake by tier, for all requests. Default: none. */
  readonly tierStakes?: ReadonlyMap<string, bigint>;
  /** Gives back a ticket drawn ahead that the caller could use. @returns whether there was one. */
  readonly freePlace?: (model: string, isFor: (ticket: Ticket) => boolean) => Promise<boolean>;
  /** Receives each ticket that proves a misrouting, with its list. */
  readonly onMisrouted?: (match: Pick<Match, 'signed' | 'candidates'>, problem: string) => void;
}

/** The remaining places are for providers that one reply was tried with, and for those that its request excludes. */
const MAX_EXCLUDED = MAX_EXCLUDED_PROVIDERS - MAX_ONLY_PROVIDERS - 8;
const EXCLUSION_MS = 24 * 3_600_000;
/** After this time, cheaper providers may have become free. */
const PRICES_KNOWN_MS = 10_000;
const MAX_PRICED = 1_024;
const PAUSE = { firstMs: 75, longestMs: 1_500 };
const ANY_WEIGHTS = new Uint8Array();
export const U64_MAX = (1n << 64n) - 1n;

/**
 * Asks a router for a provider and does not trust it. It checks signature, request, price, draw and the stake of the drawn
 * provider.
 */
export function createProviderMatch(
  {
    maxPricePer1kAtomic,
    busyPatienceMs,
    sort: ownSort = 'none',
    minHeldTokens: ownHeld = 0n,
    tierStakes = new Map(),
    freePlace,
    onMisrouted = () => {},
  }: ProviderMatchOptions,
  {
    routers,
    clock,
    earnings,
    attested,
    uptime = monotonicClock,
    random = Math.random,
  }: {
    routers: Routers;
    clock: Clock;
    /** Earnings of providers, by the chain. */
    earnings: Pick<EarningsView, 'heldFor'>;
    /** Default: no router shows a machine. */
    attested?: Pick<AttestedRoles, 'askRouter'>;
    uptime?: Clock;
    random?: () => number;
  },
): ProviderMatch {
  /** Models that a provider was found for. A router that does not know one of them has just started. */
  const served = new Set<string>();
  const excluded = new Map<string, { readonly id: Uint8Array; readonly untilMs: number }>();
  const priced = new Map<string, KnownPrice>();
  const maxPricePer1k = maxPricePer1kAtomic < U64_MAX ? maxPricePer1kAtomic : U64_MAX;

  function notePrices(query: MatchQuery, { asked, candidates }: CandidateList): void {
    if (asked.minHeldTokens !== 0n || !isForAnybody(query)) return;
    const [first, ...more] = candidates.map(({ pricePer1kAtomic }) => pricePer1kAtomic);
    if (first === undefined) return;
    const pricePer1kAtomic = more.reduce((least, price) => (price < least ? price : least), first);
    const contextSize = Math.max(...candidates.map((one) => one.contextSize));
    const terms = { pricePer1kAtomic, contextSize };
    const untilMs = uptime.nowMs() + PRICES_KNOWN_MS;
    priced.delete(query.model);
    priced.set(query.model, { terms, contextSize: query.contextSize, untilMs });
    if (priced.size > MAX_PRICED) priced.delete(priced.keys().next().value as string);
  }

  function listExcluded(): Uint8Array[] {
    for (const [key, { untilMs }] of excluded) if (untilMs <= uptime.nowMs()) excluded.delete(key);
    return [...excluded.values()].map(({ id }) => id);
  }

  /**
   * @returns the reason if the chain cannot be read, which is no fault of the router.
   * @throws ApiError if the chain shows too small a stake.
   */
  async function assertHeld({ ticket, signed, candidates }: Match): Promise<ApiError | undefined> {
    try {
      const lack = await findStakeShortfall(earnings, ticket, parseCandidates(candidates), clock.nowMs());
      if (lack === undefined) return undefined;
      if (lack.isLie) onMisrouted({ signed, candidates }, lack.problem);
      throw createRouterFault(lack.problem);
    } catch (cause) {
      if (cause instanceof ApiError) throw cause;
      const message = 'The stake of the provider cannot be read from the chain; try again later.';
      return new ApiError('no_provider', message, { cause, retryAfterS: 2 });
    }
  }

  const askRouter: AttestedRoles['askRouter'] = async (router, signal) => {
    if (attested === undefined) throw refuse('router', 'this gateway asks no machines');
    return attested.askRouter(router, signal);
  };

  async function findSupply({ model, signal }: MatchQuery): Promise<ModelSupply | undefined> {
    const lists = await routers.all((router, limits) => routers.to(router).listModels({}, { signal, ...limits }));
    return lists
      .flatMap(({ models }) => models.filter((supply) => supply.model === model))
      .sort((a, b) => b.providers - a.providers)[0];
  }

  /** Asks again while all providers are busy, since one is free soon. It does not ask again if there are none. */
  async function ask(
    query: MatchQuery,
    request: MessageInitShape<typeof RouteRequestSchema>,
    {
      check,
      isFor,
    }: {
      readonly check: (response: RouteResponse, router: Peer) => Match;
      /** Whether the slot of this ticket would help the request. */
      readonly isFor: (ticket: Ticket) => boolean;
    },
  ): Promise<Match> {
    const startedMs = uptime.nowMs();
    const excludedCount = request.exclude?.length ?? 0;
    const askOne = async (router: Peer, limits: { readonly timeoutMs?: number }) => {
      const shown = query.isRouterAttested ? await askRouter(router, query.signal) : undefined;
      const match = check(await routers.to(router).route(request, { signal: query.signal, ...limits }), router);
      if (shown && !equalBytes(shown.nodeId, hashHybridKey(crypto, match.signed.routerKey)))
        throw createRouterFault('its machine vouches for another key than the ticket has');
      return { match, unread: await assertHeld(match) };
    };
    for (let failures = 0; ; failures++) {
      try {
        const { match, unread } = await routers.first(askOne);
        if (unread) throw unread;
        return match;
      } catch (error) {
        if (error instanceof ApiError) throw error;
        if (query.isAhead) throw await explain(error, query);
        if (!isRefusal(error) || error.refusal !== 'unavailable') throw await explain(error, query);
        const supply = await findSupply(query);
        const isBusy = (supply?.providers ?? 0) > excludedCount;
        if (!isBusy || uptime.nowMs() - startedMs >= busyPatienceMs) throw await explain(error, query);
        // A place that no request uses yet is for a waiting one.
        const isFreed = await freePlace?.(query.model, isFor);
        if (isFreed && failures === 0) continue;
        // A random pause, so that not all requests come back at the same moment.
        await delay(computeBackoff(PAUSE, { failures, random: random() }), undefined, { signal: query.signal });
      }
    }
  }

  async function explain(error: unknown, query: MatchQuery): Promise<ApiError> {
    if (!isRefusal(error)) {
      return new ApiError('router_unreachable', 'The router does not answer; try again later.', {
        cause: error,
        retryAfterS: 2,
      });
    }
    const isUnknown =
      error.refusal === 'not-found' && !served.has(query.model) && (await findSupply(query)) === undefined;
    // The router's reason says whether it has noted the demand.
    if (isUnknown) return createModelNotFound(query.model, { cause: error, because: error.message });
    return explainRefusal(error, query);
  }

  return {
    async match(query) {
      const { model, replyId, demands, preference = NO_PREFERENCE } = query;
      const { only, ignore, sort = ownSort } = preference;
      const minHeldTokens = higher(
        preference.minHeldTokens ?? ownHeld,
        tierStakes.get(model.split('/')[1] ?? '') ?? 0n,
      );
      const exclude = [...query.exclude, ...ignore, ...listExcluded()];
      const contextSize = roundContext(query.contextSize);
      const maxPricePer1kAtomic = lower(maxPricePer1k, preference.maxPricePer1kAtomic);
      const asked = { sort, maxPricePer1kAtomic, contextSize, minHeldTokens };
      const { exact, modelRoot = ANY_WEIGHTS, standbyPer1kAtomic } = demands;
      const standby = standbyPer1kAtomic !== undefined && { standbyPer1k: standbyPer1kAtomic };
      const named = { model, replyId, contextSize };
      const offered = { sort: sort === 'none' ? '' : sort, only: [...only], maxPricePer1k: asked.maxPricePer1kAtomic };
      const request = { ...named, ...offered, exclude, exact, modelRoot, minStake: minHeldTokens, ...standby };
      const isFor = ({ providerId, pricePer1kAtomic, modelRoot: root }: Ticket): boolean =>
        pricePer1kAtomic <= asked.maxPricePer1kAtomic &&
        // A ticket does not show the stake of its provider, nor whether it stands by.
        minHeldTokens === 0n &&
        standbyPer1kAtomic === undefined &&
        (demands.modelRoot === undefined || equalBytes(root, demands.modelRoot)) &&
        (only.length === 0 || hasId(only, providerId)) &&
        !hasId(exclude, providerId);
      const check = ({ ticket: signed, candidates }: RouteResponse, router: Peer): Match => {
        if (signed === undefined) throw createRouterFault('it sent no ticket');
        const nowMs = clock.nowMs();
        const { ok, checks, ticket } = verifyTicket(crypto, signed, { nowMs, replyId });
        if (!ok || ticket === undefined) {
          throw createRouterFault(checks.find(({ status }) => status === 'fail')?.detail ?? 'its ticket is void');
        }
        if (ticket.modelId !== model) throw createRouterFault(`it matched ${ticket.modelId}`);
        if (demands.modelRoot !== undefined && !equalBytes(ticket.modelRoot, demands.modelRoot)) {
          throw createRouterFault('it matched other weights than were demanded');
        }
        if (!isNamedList(crypto, { ticket, candidates }))
          throw createRouterFault('its draw does not replay: the list is another');
        const misrouting = findMisrouting(crypto, { ticket, candidates });
        if (misrouting !== undefined) {
          onMisrouted({ signed, candidates }, misrouting);
          throw createRouterFault(misrouting);
        }
        const list = parseCandidates(candidates);
        const unasked = findUnasked(list, { asked, only, exclude });
        if (unasked !== undefined) throw createRouterFault(unasked);
        served.add(model);
        notePrices(query, list);
        return { ticket, signed, candidates, router };
      };
      return ask(query, request, { check, isFor });
    },
    leastTerms({ model, contextSize }) {
      const known = priced.get(model);
      return known !== undefined && known.untilMs > uptime.nowMs() && contextSize >= known.contextSize
        ? known.terms
        : UNKNOWN_TERMS;
    },
    exclude(providerId) {
      excluded.set(toHex(providerId), { id: providerId, untilMs: uptime.nowMs() + EXCLUSION_MS });
      if (excluded.size > MAX_EXCLUDED) excluded.delete(excluded.keys().next().value as string);
    },
  };
}

function explainRefusal(error: LinkError, { model }: Pick<MatchQuery, 'model'>): ApiError {
  if (error.refusal === 'invalid') return createModelNotFound(model, { cause: error });
  // Providers may come and go, but a shorter request is served now: a retry of this one is in vain.
  if (error.refusal === 'oversized') {
    return new ApiError('request_too_large', `The request is too large: ${error.message}`, {
      cause: error,
      param: 'max_tokens',
    });
  }
  return new ApiError('no_provider', `No provider can serve ${model} now: ${error.message}`, {
    cause: error,
    retryAfterS: 2,
  });
}

const UNKNOWN_TERMS: OfferedTerms = { pricePer1kAtomic: 0n, contextSize: 0 };

interface KnownPrice {
  readonly terms: OfferedTerms;
  /** A provider with room for more has room for this, so no larger request is cheaper. */
  readonly contextSize: number;
  readonly untilMs: number;
}

/** Whether any provider with a suitable price may serve the request. */
const isForAnybody = ({ exclude, demands, preference = NO_PREFERENCE }: MatchQuery): boolean =>
  exclude.length + preference.only.length + preference.ignore.length === 0 &&
  !demands.exact &&
  demands.standbyPer1kAtomic === undefined &&
  demands.modelRoot === undefined;

const higher = (a: bigint, b: bigint): bigint => (a > b ? a : b);
const lower = (own: bigint, asked: bigint | undefined): bigint => (asked !== undefined && asked < own ? asked : own);

/** Finds a difference between a list and the request; undefined if there is none. The list is consistent in itself. */
function findUnasked(
  list: CandidateList,
  {
    asked,
    only,
    exclude,
  }: { readonly asked: AskedMatch; readonly only: readonly Uint8Array[]; readonly exclude: readonly Uint8Array[] },
): string | undefined {
  if (list.asked.sort !== asked.sort) return `its draw is by ${list.asked.sort}, and ${asked.sort} was asked for`;
  if (list.asked.maxPricePer1kAtomic !== asked.maxPricePer1kAtomic) return 'its list is for another price';
  if (list.asked.contextSize !== asked.contextSize) return 'its list is for another context';
  if (list.asked.minHeldTokens !== asked.minHeldTokens) return 'its list is for another stake';
  if (list.candidates.some(({ providerId }) => hasId(exclude, providerId))) return 'it lists an excluded provider';
  if (only.length > 0 && list.candidates.some(({ providerId }) => !hasId(only, providerId))) {
    return 'it lists a provider that the request does not name';
  }
  return undefined;
}

const hasId = (ids: readonly Uint8Array[], id: Uint8Array): boolean => ids.some((one) => equalBytes(one, id));

const createRouterFault = (why: string): ApiError =>
  new ApiError('router_unreachable', `The router's answer is not to be trusted: ${why}.`);

export function createModelNotFound(
  model: string,
  { cause, because }: { cause?: unknown; because?: string } = {},
): ApiError {
  return new ApiError(
    'model_not_found',
    `The model \`${model.slice(0, 160)}\` does not exist or is not served on this network${because === undefined ? '' : `: ${because}`}. Ids read ogong/<tier>/<maker>/<model>; GET /v1/models lists them.`,
    { cause, param: 'model' },
  );
}
