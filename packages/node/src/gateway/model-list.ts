import { ApiError } from '@ogong/host/http/api-error';
import type { LinkPool, Peer } from '@ogong/host/link/link-pool';
import { formatModel, type Json } from '@ogong/host/openai/format';
import { toHex } from '@ogong/protocol/base/bytes';
import { type ModelSupply, RouterService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { lookUpTier } from '@ogong/protocol/tier/registry';
import { createModelNotFound } from './provider-match.ts';

/** What the network serves now, as OpenAI lists models. */
export interface ModelList {
  list(): Promise<readonly Json[]>;
  /** @throws ApiError `model_not_found` */
  get(id: string): Promise<Json>;
}

/** A provider's own verifier is never asked about its replies, so that it takes two for one that may be asked. */
const OTHERS_AND_OWN = 2;
const UNCHECKED =
  'Nobody but a provider itself runs a verifier of this model, so its answers may stay unjudged. What nobody judges is not paid.';

const UNPROVEN =
  'A signature only: nothing proves which model answers, or that it ran as asked, and nobody audits it. It is paid all the same.';

/** What answers are checked by, and what is not, before anybody pays for them. */
function describeTier({ model, verifiers }: ModelSupply): Json {
  const { tier } = lookUpTier(model.split('/')[1] ?? '');
  const isComparable = tier?.verifierWork.length !== 0;
  const warning = isComparable ? (verifiers < OTHERS_AND_OWN ? UNCHECKED : undefined) : UNPROVEN;
  return {
    ...(tier && { tier: tier.name, method: tier.method, audited: isComparable }),
    ...(warning && { warning }),
  };
}

/** @param sinceS Unix time, s, of `created`, which OpenAI requires and the network does not know. */
export function createModelList(
  { router, sinceS }: { router: Peer; sinceS: number },
  { links }: { links: LinkPool },
): ModelList {
  async function fetch(): Promise<ModelSupply[]> {
    try {
      return (await links.to(RouterService, router).listModels({})).models;
    } catch (cause) {
      throw new ApiError('router_unreachable', 'The router does not answer; try again later.', {
        cause,
        retryAfterS: 2,
      });
    }
  }

  const toModel = (supply: ModelSupply): Json => ({
    ...formatModel({ id: supply.model, created: sinceS, ownedBy: supply.model.split('/')[2] ?? 'ogong' }),
    ogong: {
      model_root: toHex(supply.modelRoot),
      providers: supply.providers,
      free_capacity: supply.freeCapacity,
      min_price_per_1k: supply.minPricePer1k.toString(),
      context_size: supply.contextSize,
      verifiers: supply.verifiers,
      staked_verifiers: supply.stakedVerifiers,
      numeric_classes: supply.numericClasses,
      ...describeTier(supply),
    },
  });

  return {
    list: async () => (await fetch()).map(toModel),
    async get(id) {
      const supply = (await fetch()).find(({ model }) => model === id);
      if (supply === undefined) throw createModelNotFound(id);
      return toModel(supply);
    },
  };
}
