import { EngineError } from '@ogong/engine/interface/engine-error';
import type { Engine } from '@ogong/engine/open-engine';
import { Refusal } from '@ogong/host/link/link-error';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { findStandbyPriceProblem, MAX_MODELS, type OfferedModel } from '@ogong/protocol/exchange/announcement';
import type { StandingCohort } from '../../cohort/cohort-seat.ts';
import type { ModelPresence } from '../../engine/on-demand-engine.ts';
import { findModality } from '../../modality/registry.ts';
import type { CohortChain } from '../../shard/cohort-chain.ts';
import type { PricePeg } from './price-peg.ts';
import { assertServesTier, assertShowsMachine, findServingProblem } from './served-tier.ts';

/** A model that a provider serves at a price, on an engine of its own. */
export interface ServedOffer<E extends Engine = Engine> {
  /** `ogong/<tier>/<maker>/<model>` */
  readonly modelId: string;
  /** Price that the operator named. */
  readonly pricePer1kAtomic: bigint;
  /** Price of 1,000 prompt tokens of an answer that is not taken. Default: it serves nobody who may not take it. */
  readonly standbyPer1kAtomic?: bigint | undefined;
  /** Moves the price with the dollar. Default: the price stays. */
  readonly peg?: Pick<PricePeg, 'announced' | 'least'>;
  readonly engine: E;
  /** Presence of a model that is loaded on demand. Default: it stays loaded. */
  readonly presence?: ModelPresence;
  /** Shards of other providers that compute the layers before the engine's. Default: the engine has the whole model. */
  readonly chain?: CohortChain | undefined;
  /** Returns the cohort that serves it now with this provider. Default: it serves it alone. */
  readonly getCohort?: (() => StandingCohort) | undefined;
}

/** An offer at work. Its slots are its engine's: replies of one model never take those of another. */
export interface OfferState<E extends Engine = Engine> extends ServedOffer<E> {
  /** The engine's info at the start. This is announced, and orders are checked against it. */
  readonly info: ReturnType<E['info']>;
  /** Slots that are taken. */
  active: number;
}

export class OfferError extends Error {
  override readonly name = 'OfferError';
  readonly code = 'offers-refused';
  readonly retryable = false;
}

/**
 * Ascending by model id, as an announcement has them.
 * @throws TierError if an engine cannot keep what its model id's tier promises, OfferError if offers cannot be told apart.
 */
export function openOffers(offers: readonly ServedOffer[], hasAttester = false): OfferState[] {
  const opened = offers.map((offer) => openOffer(offer, hasAttester));
  assertDistinct(opened);
  return opened.sort(byModelId);
}

const byModelId = (a: OfferState, b: OfferState): number => (a.modelId < b.modelId ? -1 : 1);

/** @throws TierError, OfferError */
function openOffer(given: ServedOffer, hasAttester: boolean): OfferState {
  const opened: OfferState = { ...given, info: given.engine.info(), active: 0 };
  const { modelId, info, engine } = opened;
  assertServesTier(modelId, info);
  assertShowsMachine(modelId, hasAttester);
  const problem =
    opened.standbyPer1kAtomic !== undefined && !findModality(engine).orders.allowsStandby
      ? 'vectors and scores have no standby price'
      : findStandbyPriceProblem(opened);
  if (problem !== undefined) throw new OfferError(`${modelId}: ${problem}`);
  return opened;
}

/**
 * Puts one more offer among those at work.
 * @param offers ascending by model id; mutated.
 * @throws TierError, OfferError; nothing is changed then.
 */
export function addOffer(offers: OfferState[], given: ServedOffer, hasAttester = false): void {
  const added = openOffer(given, hasAttester);
  if (offers.length >= MAX_MODELS) throw new OfferError(`an announcement has at most ${MAX_MODELS} models`);
  assertDistinct([...offers, added]);
  offers.push(added);
  offers.sort(byModelId);
}

/**
 * Ends the offer of a model, unless an order of it runs.
 * @param offers mutated.
 * @returns whether the model is not offered any more.
 */
export function endOffer(offers: OfferState[], modelId: string): boolean {
  const at = offers.findIndex((offer) => offer.modelId === modelId);
  if (at < 0) return true;
  if ((offers[at] as OfferState).active > 0) return false;
  offers.splice(at, 1);
  return true;
}

/** Orders, records and audits name a model by its root, so no two offers have one. @throws OfferError */
function assertDistinct(offers: readonly OfferState[]): void {
  const ids = offers.map(({ modelId }) => modelId);
  for (const names of [ids, offers.map(({ info }) => `model root ${toHex(info.modelRoot)}`)]) {
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (twice !== undefined) throw new OfferError(`${twice} is offered twice; offer it once`);
  }
}

export const findOffer = (offers: readonly OfferState[], modelRoot: Uint8Array): OfferState | undefined =>
  offers.find(({ info }) => equalBytes(info.modelRoot, modelRoot));

/** @throws Refusal if all slots of the offer are taken, or its cohort is not complete. */
export function takeSlot(offer: OfferState): void {
  const cohort = offer.getCohort?.();
  if (cohort !== undefined && 'problem' in cohort)
    throw new Refusal('unavailable', `${offer.modelId} has no cohort now: ${cohort.problem}; try another provider`);
  const { sequences } = offer.info;
  if (offer.active >= sequences) {
    throw new Refusal('unavailable', `all ${sequences} slots of ${offer.modelId} are busy; try another provider`);
  }
  offer.active++;
}

export function freeSlot(offer: OfferState): void {
  offer.active--;
}

/**
 * Runs the work of an order; meanwhile the offer's model stays loaded.
 * @throws Refusal if models in use leave no room for it; ModelError, EngineError
 */
export async function withModel<T>(
  { modelId, presence }: Pick<OfferState, 'modelId' | 'presence'>,
  work: () => Promise<T>,
): Promise<T> {
  const release = await presence?.hold().catch((error: unknown) => {
    if (!(error instanceof EngineError && error.code === 'not-enough-memory')) throw error;
    throw new Refusal(
      'unavailable',
      `${modelId} is not loaded, and the models in use leave it no room; try another provider`,
    );
  });
  try {
    return await work();
  } finally {
    release?.();
  }
}

export const countActive = (offers: readonly OfferState[]): number =>
  offers.reduce((sum, { active }) => sum + active, 0);

/** A restarted engine has tested itself again, and may no longer be able to serve the tier. */
function countFreeSlots({ modelId, engine, info, active, presence }: OfferState): number {
  // Models in use leave no room for it.
  if (presence && !presence.isLoaded() && !presence.hasRoom()) return 0;
  return findServingProblem(modelId, engine.info()) === undefined ? Math.max(0, info.sequences - active) : 0;
}

/** Returns the least price that an order must pay per 1,000 units: no more than was announced lately. */
export function leastPriceOf({
  pricePer1kAtomic,
  peg,
  getCohort,
}: Pick<OfferState, 'pricePer1kAtomic' | 'peg' | 'getCohort'>): bigint {
  const standing = getCohort?.();
  if (standing !== undefined && 'model' in standing) return standing.model.pricePer1kAtomic;
  return peg?.least(pricePer1kAtomic) ?? pricePer1kAtomic;
}

/** Returns the least price for standing by; undefined if the offer does not stand by. */
export const leastStandbyOf = ({
  standbyPer1kAtomic: named,
  peg,
}: Pick<OfferState, 'standbyPer1kAtomic' | 'peg'>): bigint | undefined =>
  named === undefined ? undefined : (peg?.least(named) ?? named);

/** Slots of the offer that are free. */
export const countFree = ({ info, active }: Pick<OfferState, 'info' | 'active'>): number =>
  Math.max(0, info.sequences - active);

/**
 * Describes an offer of the provider alone or of the cohort that it leads.
 * @param takesOrders whether the provider serves anybody now. @returns undefined if the offer has no cohort now.
 */
export function describeShared(
  offer: OfferState,
  { takesOrders }: { readonly takesOrders: boolean },
): OfferedModel | undefined {
  const standing = offer.getCohort?.();
  if (standing === undefined) return describeOffer(offer, { takesOrders });
  if ('problem' in standing) return undefined;
  const { model } = standing;
  const freeCapacity = takesOrders ? Math.min(model.freeCapacity, countFreeSlots(offer)) : 0;
  return { ...model, freeCapacity };
}

/** @param takesOrders whether the provider serves anybody now. */
export function describeOffer(offer: OfferState, { takesOrders }: { readonly takesOrders: boolean }): OfferedModel {
  const { modelId, peg, info } = offer;
  const priceNow = (named: bigint): bigint => peg?.announced(named) ?? named;
  const pricePer1kAtomic = priceNow(offer.pricePer1kAtomic);
  const { standbyPer1kAtomic: named } = offer;
  const { modelRoot, contextSize, numericClass, sequences: capacity } = info;
  const modality = findModality(offer.engine).name;
  const freeCapacity = takesOrders ? countFreeSlots(offer) : 0;
  return {
    ...{ modelId, modelRoot, modality, pricePer1kAtomic, contextSize, numericClass, capacity, freeCapacity },
    standbyPer1kAtomic: named === undefined ? undefined : priceNow(named),
  };
}
