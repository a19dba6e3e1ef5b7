import { ApiError } from '@ogong/host/http/api-error';
import { type Clock, monotonicClock } from '@ogong/host/time/clock';
import { ENDPOINT_INFO, type EndpointName } from '@ogong/protocol/modality/endpoints';
import type { CommonRequest } from '@ogong/protocol/modality/modality';
import { lookUpModality } from '@ogong/protocol/modality/registry';
import type { Routers } from '../buy/match/routers.ts';
import { createMemo } from './memo.ts';

/** Facts about the models that the network serves now. */
export interface ModelContexts {
  /** @returns tokens; undefined if no router knows the model or answers. A request then keeps its own limit. */
  largest(model: string): Promise<number | undefined>;
  /** Refuses a request that no provider of the model could serve, before one is asked. @throws ApiError */
  assertServes(request: Pick<CommonRequest, 'model' | 'endpoint'>): Promise<void>;
}

const FRESH_MS = 5_000;
/** A model's modality follows from its name, so only new names make a list old. */
const FRESH_MODALITIES_MS = 60_000;
/** Only names that a router lists are kept, so invented names do not fill the memory. */
const MAX_KEPT = 1_024;

/**
 * Reads contexts from the offers of a router. A limit above a model's context has to come down before prices and limits are
 * compared: no reply bills more tokens than its context holds.
 */
export function createModelContexts(
  { routers }: { readonly routers: Pick<Routers, 'first' | 'to'> },
  { uptime = monotonicClock }: { readonly uptime?: Clock } = {},
): ModelContexts {
  const models = createMemo<ReadonlySet<string>>({ capacity: 1, lifetimeMs: () => FRESH_MS }, uptime);
  const contexts = createMemo<number | undefined>({ capacity: MAX_KEPT, lifetimeMs: () => FRESH_MS }, uptime);

  const listModels = async (): Promise<ReadonlySet<string>> => {
    const listed = await routers.first((router, limits) => routers.to(router).listModels({}, limits));
    return new Set(listed.models.map(({ model }) => model));
  };

  const modalities = createMemo<ReadonlyMap<string, ReadonlySet<string>>>(
    { capacity: 1, lifetimeMs: () => FRESH_MODALITIES_MS },
    uptime,
  );
  const listModalities = async (): Promise<ReadonlyMap<string, ReadonlySet<string>>> => {
    const listed = await routers.first((router, limits) => routers.to(router).listModels({}, limits));
    const found = new Map<string, Set<string>>();
    for (const { model, modality } of listed.models) found.set(model, (found.get(model) ?? new Set()).add(modality));
    return found;
  };

  /** A modality of a later version may serve any endpoint. */
  const mayServe = (names: ReadonlySet<string>, endpoint: string): boolean =>
    [...names].some((name) => lookUpModality(name)?.endpoints.includes(endpoint) ?? true);

  async function read(model: string): Promise<number | undefined> {
    const { offers } = await routers.first((router, limits) => routers.to(router).listOffers({ model }, limits));
    return offers.reduce<number | undefined>((most, { contextSize }) => Math.max(most ?? 0, contextSize), undefined);
  }

  return {
    async largest(model) {
      try {
        return (await models('', listModels)).has(model) ? await contexts(model, () => read(model)) : undefined;
      } catch {
        return undefined;
      }
    },
    async assertServes({ model, endpoint }) {
      const known = await modalities('', listModalities).catch(() => undefined);
      const names = known?.get(model);
      if (names === undefined || mayServe(names, endpoint)) return;
      const { use } = ENDPOINT_INFO[endpoint as EndpointName];
      throw new ApiError('invalid_request', `${JSON.stringify(model)} does not support ${use}`, { param: 'model' });
    },
  };
}
