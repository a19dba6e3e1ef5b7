import { compareBytes, toHex } from '@ogong/protocol/base/bytes';
import { countHeld } from '@ogong/protocol/exchange/match';
import { type MeasuredFigures, NO_FIGURES } from '@ogong/protocol/exchange/preference';
import { ATOMIC_PER_TOKEN } from '@ogong/protocol/exchange/stake-weights';
import type { ListedOffer } from './supply.ts';

export interface ModelSupply {
  readonly model: string;
  readonly modelRoot: Uint8Array;
  /** As one of its providers announces it. */
  readonly modality: string;
  readonly providers: number;
  readonly freeCapacity: number;
  readonly minPricePer1k: bigint;
  readonly contextSize: number;
  /** Payees that announce a verifier of the model. */
  readonly verifiers: number;
  /** Payees of verifiers with stake. */
  readonly stakedVerifiers: number;
  /** Numeric classes that its providers announce, ascending. */
  readonly numericClasses: string[];
  /** The most providers that read the prompt of one reply; above 1 if a cohort offers the model. */
  readonly promptReaders: number;
  /** Lower medians of its providers' measurements; 0 without any. */
  readonly latencyMs: number;
  readonly milliTokensPerSecond: number;
}

/** One offer, with the fields of a list of candidates. */
export interface ShownOffer extends MeasuredFigures {
  readonly providerId: Uint8Array;
  readonly payee: Uint8Array;
  readonly model: string;
  readonly modelRoot: Uint8Array;
  readonly modality: string;
  readonly numericClass: string;
  readonly pricePer1k: bigint;
  readonly standbyPer1k?: bigint;
  readonly contextSize: number;
  readonly capacity: number;
  readonly freeCapacity: number;
  readonly stakeTokens: bigint;
  /** The amount that an ejection of its key takes. */
  readonly heldTokens: bigint;
  readonly reputationPpm: number;
  readonly livenessPpm: number;
  /** Providers that read the prompt: each member of a cohort, or 1. */
  readonly promptReaders: number;
}

interface ModelRow {
  readonly supply: Omit<ModelSupply, 'verifiers' | 'stakedVerifiers' | 'numericClasses' | keyof MeasuredFigures>;
  readonly figures: MeasuredFigures[];
  /** Payees with a verifier, in hex, and whether they have stake. */
  readonly verifiers: Map<string, boolean>;
  readonly classes: Set<string>;
}

/**
 * Lists the models on offer, one row per model id and root. Providers without reputation do not count. A model with fewer than
 * two verifiers is marked, because a provider's own verifier never checks its replies.
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
    const figures = [...(row?.figures ?? []), ...(offer.figures ? [offer.figures] : [])];
    rows.set(key, { supply: addOffer(row?.supply, offer), verifiers, classes, figures });
  }
  return [...rows.values()]
    .map(({ supply, verifiers, classes, figures }) => ({
      ...supply,
      latencyMs: takeMedian(figures.map(({ latencyMs }) => latencyMs)),
      milliTokensPerSecond: takeMedian(figures.map(({ milliTokensPerSecond }) => milliTokensPerSecond)),
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
    modality: row?.modality ?? model.modality,
    providers: (row?.providers ?? 0) + 1,
    freeCapacity: (row?.freeCapacity ?? 0) + freeCapacity,
    minPricePer1k: row && row.minPricePer1k < pricePer1kAtomic ? row.minPricePer1k : pricePer1kAtomic,
    // The smallest context of all of them counts, since the draw decides which one serves.
    contextSize: Math.min(row?.contextSize ?? model.contextSize, model.contextSize),
    promptReaders: Math.max(row?.promptReaders ?? 1, countReaders(model)),
  };
}

/** Each member of a cohort can compute the prompt from the rows that it gets. */
const countReaders = ({ cohort }: ListedOffer['model']): number => cohort?.members.length ?? 1;

/** The median of the measured values. */
function takeMedian(values: readonly number[]): number {
  const known = values.filter((value) => value > 0).sort((a, b) => a - b);
  return known[Math.floor((known.length - 1) / 2)] ?? 0;
}

/** Lists the offers one by one, those with the highest reputation first. An ejected provider offers nothing. */
export function listOffers(offers: readonly ListedOffer[], most: number): ShownOffer[] {
  return offers
    .filter(({ reputationPpm }) => reputationPpm > 0)
    .sort((a, b) => b.reputationPpm - a.reputationPpm || compareBytes(a.providerId, b.providerId))
    .slice(0, most)
    .map(({ providerId, payee, model, figures = NO_FIGURES, ...offer }) => ({
      ...{ providerId, payee, model: model.modelId, modelRoot: model.modelRoot, modality: model.modality },
      numericClass: model.numericClass,
      ...{ pricePer1k: offer.pricePer1kAtomic, contextSize: offer.contextSize, capacity: model.capacity },
      ...{ freeCapacity: offer.freeCapacity, stakeTokens: offer.stakeAtomic / ATOMIC_PER_TOKEN },
      heldTokens: countHeld(offer),
      ...(model.standbyPer1kAtomic !== undefined && { standbyPer1k: model.standbyPer1kAtomic }),
      ...{ reputationPpm: offer.reputationPpm, livenessPpm: offer.livenessPpm, ...figures },
      promptReaders: countReaders(model),
    }));
}
