import type { CallOptions } from '@connectrpc/connect';
import { ApiError } from '@ogong/host/http/api-error';
import { createRateLimiter } from '@ogong/host/link/token-bucket';
import { formatModel, type Json } from '@ogong/host/openai/format';
import { type Clock, monotonicClock } from '@ogong/host/time/clock';
import { toHex } from '@ogong/protocol/base/bytes';
import type { ListedOffer, ModelSupply } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { ENDPOINT_INFO, type EndpointName } from '@ogong/protocol/modality/endpoints';
import { lookUpModality } from '@ogong/protocol/modality/registry';
import { listMeant } from '@ogong/protocol/modality/shared/model-names';
import { readPosture } from '@ogong/protocol/tier/posture';
import { lookUpTier } from '@ogong/protocol/tier/registry';
import { isModelAllowed, type KeyHolder } from '../books/api-keys.ts';
import { createModelNotFound } from '../buy/match/provider-match.ts';
import type { RouterClient, Routers } from '../buy/match/routers.ts';
import { createMemo } from './memo.ts';

/** A caller without an id uses a gateway that has no keys. */
type Caller = Pick<KeyHolder, 'models'> & Partial<Pick<KeyHolder, 'id'>>;

/** The models that the network serves now and that a key may ask for, in OpenAI's format. */
export interface ModelList {
  /** Lists offers one by one, each with its figures, posture and price. @throws ApiError */
  listOffers(model: string | undefined, caller: Caller): Promise<Json>;
  list(caller: Caller): Promise<readonly Json[]>;
  /** @throws ApiError `model_not_found` */
  get(id: string, caller: Caller): Promise<Json>;
}

const MAX_LISTED_MODELS = 64;
const FRESH_MODELS_MS = 1_000;
const FRESH_OFFERS_MS = 5_000;
/** Far below the rate that a router grants one caller (ROUTER_RATES): replies need the rest. */
const LISTING_RATE = { perSecond: 30, burst: 4 * MAX_LISTED_MODELS };
/** Rate of one key: a caller that lists all names must not keep the lists from others. */
const LISTING_RATE_OF_KEY = { perSecond: 15, burst: 2 * MAX_LISTED_MODELS };
/** Longest memory of lists, by names that the router gave. */
const MAX_KEPT_LISTS = 1_024;

/** Null without measurements. */
const showFigures = ({
  latencyMs,
  milliTokensPerSecond,
}: Pick<ListedOffer, 'latencyMs' | 'milliTokensPerSecond'>): Json => ({
  latency_ms: latencyMs === 0 ? null : latencyMs,
  tokens_per_second: milliTokensPerSecond === 0 ? null : milliTokensPerSecond / 1000,
});

/** The paths that a model answers, and the units that its prices count. A modality of a later version has none here. */
export function showModality({ modality }: Pick<ListedOffer, 'modality'>): Json {
  const { endpoints = [], units = null } = lookUpModality(modality) ?? {};
  return { modality, endpoints: endpoints.map((name) => ENDPOINT_INFO[name as EndpointName].path), price_units: units };
}

/**
 * Says how many providers read the prompt of one reply, and which cohort they are. A member outside the tier of the model id makes a cohort
 * void, so that tier is the one of the weakest member.
 */
export function showReaders({ model, promptReaders }: Pick<ListedOffer, 'model' | 'promptReaders'>): Json {
  const shards = promptReaders || 1;
  const cohort = { shards, reads_prompt: 'each shard', weakest_tier: model.split('/')[1] ?? null };
  return { prompt_readers: shards, cohort: shards > 1 ? cohort : null };
}

function showOffer(offer: ListedOffer): Json {
  const { tier } = lookUpTier(offer.model.split('/')[1] ?? '');
  const { numericClass } = offer;
  const posture = tier && readPosture({ tier: tier.name, method: tier.method, numericClass });
  return {
    object: 'endpoint',
    provider: toHex(offer.providerId),
    payee: `0x${toHex(offer.payee)}`,
    model: offer.model,
    model_root: toHex(offer.modelRoot),
    ...showModality(offer),
    price_per_1k: offer.pricePer1k.toString(),
    // Null if it takes no standby orders.
    standby_per_1k: offer.standbyPer1k?.toString() ?? null,
    context_size: offer.contextSize,
    capacity: offer.capacity,
    free_capacity: offer.freeCapacity,
    stake_tokens: offer.stakeTokens.toString(),
    reputation_ppm: offer.reputationPpm,
    liveness_ppm: offer.livenessPpm,
    ...showReaders(offer),
    ...showFigures(offer),
    ...(posture && {
      posture: {
        ...{ tier: posture.tier, method: posture.method, numeric_class: numericClass, exact: posture.exact },
        // The amount behind the promise of a tier that nobody checks: an ejection takes it.
        held_tokens: offer.heldTokens.toString(),
      },
    }),
  };
}

/** A provider's own verifier never checks its replies. So two verifiers are needed for one that may be asked. */
const OTHERS_AND_OWN = 2;
const UNCHECKED =
  'Nobody but a provider itself runs a verifier of this model, so its answers may stay unjudged. A reply without a verdict is not paid.';

const UNPROVEN = 'No audit: nothing proves which model answers, or that it ran as asked. It is paid all the same.';

const UNREAD =
  'A machine vouches for its program, and nobody but you and it reads the texts: so nobody audits an answer. It is paid all the same.';

/** Describes the check of a tier's answers, and the parts that it does not check, before anybody pays. */
function describeTier({ model, verifiers }: ModelSupply): Json {
  const { tier } = lookUpTier(model.split('/')[1] ?? '');
  const isComparable = tier?.verifierWork.length !== 0;
  const unaudited = tier?.audit === 'none' && tier.root === 'weights' ? UNREAD : UNPROVEN;
  const warning = isComparable ? (verifiers < OTHERS_AND_OWN ? UNCHECKED : undefined) : unaudited;
  return {
    ...(tier && { tier: tier.name, method: tier.method, audited: isComparable }),
    ...(warning && { warning }),
  };
}

/**
 * The router is asked over the gateway's own certificate, as for every reply. So one call serves all callers of a list, and no
 * client uses up the gateway's rate.
 * @param sinceS Unix time, s, of `created`, which OpenAI requires and the network does not know.
 */
export function createModelList(
  { sinceS }: { sinceS: number },
  { routers, uptime = monotonicClock }: { readonly routers: Routers; readonly uptime?: Clock },
): ModelList {
  const calls = createRateLimiter(LISTING_RATE, uptime);
  const callsOfKey = createRateLimiter(LISTING_RATE_OF_KEY, uptime);
  const known = createMemo<readonly ModelSupply[]>({ capacity: 1, lifetimeMs: () => FRESH_MODELS_MS }, uptime);
  const shown = createMemo<readonly Json[]>({ capacity: MAX_KEPT_LISTS, lifetimeMs: () => FRESH_OFFERS_MS }, uptime);

  /** @param caller the key whose share it uses; the list of models, once a second for all, uses none. */
  async function ask<T>(
    caller: Caller | undefined,
    call: (service: RouterClient, limits: CallOptions) => Promise<T>,
  ): Promise<T> {
    const isWithinShare = caller === undefined || callsOfKey.take(caller.id ?? '');
    if (!isWithinShare || !calls.take('')) {
      throw new ApiError('too_many_requests', 'Too many lists are read at once; try again soon.', { retryAfterS: 2 });
    }
    try {
      return await routers.first((router, limits) => call(routers.to(router), limits));
    } catch (cause) {
      throw new ApiError('router_unreachable', 'The router does not answer; try again later.', {
        cause,
        retryAfterS: 2,
      });
    }
  }

  const fetch = async (caller: Caller): Promise<readonly ModelSupply[]> =>
    (
      await known('', async () => (await ask(undefined, (service, limits) => service.listModels({}, limits))).models)
    ).filter(({ model }) => isModelAllowed(caller, model));

  const toModel = (supply: ModelSupply): Json => ({
    ...formatModel({
      id: supply.model,
      created: sinceS,
      ownedBy: supply.model.split('/')[2] ?? 'ogong',
      contextSize: supply.contextSize,
    }),
    ogong: {
      model_root: toHex(supply.modelRoot),
      ...showModality(supply),
      providers: supply.providers,
      free_capacity: supply.freeCapacity,
      min_price_per_1k: supply.minPricePer1k.toString(),
      context_size: supply.contextSize,
      verifiers: supply.verifiers,
      staked_verifiers: supply.stakedVerifiers,
      numeric_classes: supply.numericClasses,
      ...showReaders(supply),
      ...showFigures(supply),
      ...describeTier(supply),
    },
  });

  // Keep lists only for names that the router has listed, so that invented names do not fill the memory.
  const showOffers = (model: string, caller: Caller): Promise<readonly Json[]> =>
    shown(model, async () =>
      (await ask(caller, (service, limits) => service.listOffers({ model }, limits))).offers.map(showOffer),
    );

  return {
    async listOffers(named, caller) {
      // Ask for one model at a time: all offers of a large network exceed a message.
      const models = (await fetch(caller)).filter(({ model }) => named === undefined || model === named);
      if (named !== undefined && models.length === 0) throw createModelNotFound(named);
      const names = [...new Set(models.map(({ model }) => model))];
      const data: Json[] = [];
      for (const name of names.slice(0, MAX_LISTED_MODELS)) data.push(...(await showOffers(name, caller)));
      return { object: 'list', data, has_more: names.length > MAX_LISTED_MODELS };
    },
    list: async (caller) => (await fetch(caller)).map(toModel),
    async get(id, caller) {
      const supplies = await fetch(caller);
      const exact = supplies.find(({ model }) => model === id);
      const meant = exact
        ? []
        : listMeant(
            supplies.map((supply) => ({ name: supply.model, supply })),
            id,
          );
      const supply = exact ?? (new Set(meant.map(({ name }) => name)).size === 1 ? meant[0]?.supply : undefined);
      if (supply === undefined) throw createModelNotFound(id);
      return toModel(supply);
    },
  };
}
