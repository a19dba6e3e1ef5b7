import { toHex } from '@ogong/protocol/base/bytes';
import type { ListedOffer } from './supply.ts';

export interface ModelSupply {
  readonly model: string;
  readonly modelRoot: Uint8Array;
  readonly providers: number;
  readonly freeCapacity: number;
  readonly minPricePer1k: bigint;
  readonly contextSize: number;
}

/** The models on offer, one row per model id and root. Providers without reputation do not count. */
export function listModels(offers: readonly ListedOffer[]): ModelSupply[] {
  const rows = new Map<string, ModelSupply>();
  for (const { model, reputationPpm, freeCapacity, pricePer1kAtomic } of offers) {
    if (reputationPpm === 0) continue;
    const key = `${model.modelId} ${toHex(model.modelRoot)}`;
    const row = rows.get(key);
    rows.set(key, {
      model: model.modelId,
      modelRoot: model.modelRoot,
      providers: (row?.providers ?? 0) + 1,
      freeCapacity: (row?.freeCapacity ?? 0) + freeCapacity,
      minPricePer1k: row && row.minPricePer1k < pricePer1kAtomic ? row.minPricePer1k : pricePer1kAtomic,
      // The context that all of them have, since the draw decides who serves.
      contextSize: Math.min(row?.contextSize ?? model.contextSize, model.contextSize),
    });
  }
  return [...rows.values()].sort((a, b) => (a.model < b.model ? -1 : a.model > b.model ? 1 : 0));
}
