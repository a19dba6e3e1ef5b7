import { type Clock, monotonicClock } from '@ogong/host/time/clock';
import type { Routers } from '../buy/match/routers.ts';
import { createMemo } from './memo.ts';

/** The largest contexts of the models that the network serves now. */
export interface ModelContexts {
  /** @returns tokens; undefined if no router knows the model or answers. A request then keeps its own limit. */
  largest(model: string): Promise<number | undefined>;
}

const FRESH_MS = 5_000;
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
  };
}
