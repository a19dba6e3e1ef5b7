import { MAX_WANTED_MODELS, type ModelDemand } from './demand.ts';
import { listModels } from './model-list.ts';
import type { RouterState } from './router-state.ts';

/** Demand for a model, and the supply that it has now. */
export interface WantedSupply extends Omit<ModelDemand, 'sinceMs'> {
  readonly sinceMs: bigint;
  readonly providers: number;
  /** Payees that announce a verifier of it. */
  readonly verifiers: number;
}

/** Lists the most wanted models. Providers that fetch models see by the counts which one is still needed. */
export function listDemand(
  { demand, supply, clock }: Pick<RouterState, 'demand' | 'supply' | 'clock'>,
  limit: number,
): WantedSupply[] {
  const wanted = demand.list(Math.min(limit, MAX_WANTED_MODELS), clock.nowMs());
  const served = listModels(supply.offers());
  return wanted.map(({ model, milliWeight, sinceMs }) => {
    const rows = served.filter((row) => row.model === model);
    return {
      ...{ model, milliWeight, sinceMs: BigInt(sinceMs) },
      providers: rows.reduce((sum, { providers }) => sum + providers, 0),
      verifiers: Math.max(0, ...rows.map(({ verifiers }) => verifiers)),
    };
  });
}
