import { toHex } from '@ogong/protocol/base/bytes';
import type { ListedOffer } from './supply.ts';

export interface ModelSupply {
  readonly model: string;
  readonly modelRoot: Uint8Array;
  readonly providers: number;
  readonly freeCapacity: number;
  readonly minPricePer1k: bigint;
  readonly contextSize: number;
  /** Payees that announce a verifier of the model. */
  readonly verifiers: number;
  /** Those of them with stake. */
  readonly stakedVerifiers: number;
  /** That its providers announce, ascending. */
  readonly numericClasses: string[];
}

interface ModelRow {
  readonly supply: Omit<ModelSupply, 'verifiers' | 'stakedVerifiers' | 'numericClasses'>;
  /** Payees with a verifier, in hex, and whether they have stake. */
  readonly verifiers: Map<string, boolean>;
  readonly classes: Set<string>;
}

/**
 * The models on offer, one row per model id and root. Providers without reputation do not count. A model with fewer than two
 * verifiers says so before it is bought: a provider's own verifier is never asked about its replies.
 */
export function listModels(offers: readonly ListedOffer[]): ModelSupply[] {
  const rows = new Map<string, ModelRow>();
  for (const offer of offers) {
    if (offer.reputationPpm === 0) continue;
    const { model, announcement, payee, stakeAtomic } = offer;
    const key = `${model.modelId} ${toHex(model.modelRoot)}`;
    const row = rows.get(key);
    const verifiers = row?.verifiers ?? new Map<string, boolean>();
    const classes = row?.classes ?? new Set<string>();
    if (announcement.verifier) verifiers.set(toHex(payee), stakeAtomic > 0n);
    classes.add(model.numericClass);
    rows.set(key, { supply: addOffer(row?.supply, offer), verifiers, classes });
  }
  return [...rows.values()]
    .map(({ supply, verifiers, classes }) => ({
      ...supply,
      verifiers: verifiers.size,
      stakedVerifiers: [...verifiers.values()].filter(Boolean).length,
      numericClasses: [...classes].sort(),
    }))
    .sort((a, b) => (a.model < b.model ? -1 : a.model > b.model ? 1 : 0));
}

function addOffer(
  row: ModelRow['supply'] | undefined,
  { model, freeCapacity, pricePer1kAtomic }: ListedOffer,
): ModelRow['supply'] {
  return {
    model: model.modelId,
    modelRoot: model.modelRoot,
    providers: (row?.providers ?? 0) + 1,
    freeCapacity: (row?.freeCapacity ?? 0) + freeCapacity,
    minPricePer1k: row && row.minPricePer1k < pricePer1kAtomic ? row.minPricePer1k : pricePer1kAtomic,
    // The context that all of them have, since the draw decides who serves.
    contextSize: Math.min(row?.contextSize ?? model.contextSize, model.contextSize),
  };
}
