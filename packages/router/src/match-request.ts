import type { Caller } from '@ogong/host/link/link-admission';
import { Refusal } from '@ogong/host/link/link-error';
import { type AnnouncedVerifier, findVerifierRoomProblem } from '@ogong/protocol/audit/verifier-room';
import { equalBytes, ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import { REPLY_ID_BYTES } from '@ogong/protocol/commitment/record';
import { MAX_EXCLUDED_PROVIDERS, MAX_ONLY_PROVIDERS } from '@ogong/protocol/exchange/limits';
import {
  computeMatchSeed,
  countHeld,
  encodeCandidates,
  hashCandidates,
  isAmong,
  isExcluded,
  isWithinBound,
  parseModelId,
  replayMatch,
  selectCandidates,
} from '@ogong/protocol/exchange/match';
import { SORTS, type Sort } from '@ogong/protocol/exchange/preference';
import { computeTicketTimes, type SignedTicket, signTicket } from '@ogong/protocol/exchange/ticket';
import type { RouteRequest } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { findStandbyProblem, findUnmetDemand } from '@ogong/protocol/modality/demands';
import { isComparable } from '@ogong/protocol/tier/outcome';
import { lookUpTier } from '@ogong/protocol/tier/registry';
import type { RouterState } from './router-state.ts';
import type { ListedOffer } from './supply.ts';

/** The fields that the draw and the ticket depend on. A router ignores the rest of the message. */
export type RouteQuery = Pick<
  RouteRequest,
  | 'model'
  | 'replyId'
  | 'exclude'
  | 'maxPricePer1k'
  | 'contextSize'
  | 'exact'
  | 'modelRoot'
  | 'sort'
  | 'only'
  | 'minStake'
  | 'standbyPer1k'
>;

type MatchState = Pick<
  RouterState,
  | 'crypto'
  | 'clock'
  | 'signer'
  | 'address'
  | 'ticketTtlMs'
  | 'supply'
  | 'outstanding'
  | 'refusals'
  | 'demand'
  | 'metrics'
>;

/**
 * Draws a provider by the reply id and holds one of its slots for the ticket's time.
 * @param caller its peer id alone may report on the ticket, and its address holds the slot.
 * @throws Refusal; the limiter's answer if the caller holds too many.
 */
export function matchRequest(
  state: MatchState,
  request: RouteQuery,
  { peer, group = toHex(peer) }: Caller,
): { readonly ticket: SignedTicket; readonly candidates: Uint8Array } {
  const { crypto, clock, supply, outstanding, refusals, demand, metrics, ticketTtlMs } = state;
  assertRequest(request);
  const { model: modelId, replyId, exclude, only, contextSize, maxPricePer1k: maxPricePer1kAtomic } = request;
  const nowMs = clock.nowMs();
  const verifiersOf = rememberVerifiers(supply);
  const listFit = (listed: readonly ListedOffer[]) =>
    listComparable({ verifiersOf }, listDemanded(listed, request), request);
  const offers = listFit(supply.offers(modelId, group));
  const limits = { maxPricePer1kAtomic, contextSize, minHeldTokens: request.minStake };
  const wanted = { modelId, ...limits, exclude, only, sort: readSort(request), nowMs };
  const draw = (from: readonly ListedOffer[]) => {
    const candidates = encodeCandidates(selectCandidates(from, wanted));
    return { candidates, drawn: replayMatch(crypto, candidates, computeMatchSeed(crypto, replyId)) };
  };
  const believed = draw(offers);
  const isTrial = believed.drawn === undefined && offers.some((offer) => isDoubted(refusals, offer, { group, nowMs }));
  const { candidates, drawn } = isTrial ? draw(listFit(supply.trials(modelId, group))) : believed;
  if (drawn === undefined) {
    const isNoted = isUnserved(offers) && demand.note(modelId, group, nowMs);
    throw explainNoMatch(offers, { ...wanted, isNoted });
  }
  const offer = offers.find(({ providerId }) => equalBytes(providerId, drawn.providerId)) as ListedOffer;
  const times = computeTicketTimes(nowMs, ticketTtlMs);
  const held = { replyId, providerId: drawn.providerId, modelId, holder: peer, group };
  // Check limits before the ticket is signed. Signing costs more than the rest, and a caller over a limit must not cause that
  // cost.
  outstanding.add({ ...held, releaseAtMs: times.expiresAtMs, nowMs });
  if (isTrial) refusals.noteTrial(offer, group, nowMs);
  metrics.openTickets.set(outstanding.size());
  if (lacksVerifier({ verifiersOf }, offer)) demand.note(modelId, group, nowMs);
  return { ticket: issueTicket(state, request, { offer, candidates, ...times }), candidates };
}

/** Lists the offers that meet the demands of the request. @throws Refusal if there are offers, and none meets them. */
export function listDemanded<O extends Pick<ListedOffer, 'model'>>(
  offers: readonly O[],
  { exact, modelRoot, standbyPer1k }: Pick<RouteQuery, 'exact' | 'modelRoot' | 'standbyPer1k'>,
): readonly O[] {
  const demands = { exact, modelRoot: modelRoot.length === 0 ? undefined : modelRoot };
  const standby = standbyPer1k === undefined ? {} : { standbyPer1kAtomic: standbyPer1k };
  const problems = offers.map(({ model }) => findUnmetDemand(demands, model) ?? findStandbyProblem(standby, model));
  if (offers.length > 0 && !problems.includes(undefined)) {
    throw new Refusal('precondition', `no provider meets the request: ${problems[0]}`);
  }
  return offers.filter((_, i) => problems[i] === undefined);
}

/**
 * Lists the offers whose longest reply verifiers of the model have room for. Its validator admits no order of another one.
 * @throws Refusal if there are offers, and none is left.
 */
export function listComparable(
  { verifiersOf }: Pick<RouterState['supply'], 'verifiersOf'>,
  offers: readonly ListedOffer[],
  { contextSize }: Pick<RouteQuery, 'contextSize'>,
): readonly ListedOffer[] {
  const problems = offers.map(({ model: { modelRoot, modelId, cohort }, contextSize: offered, payee }) => {
    if (!isComparable(parseModelId(modelId).tier)) return undefined;
    const isOther = (one: AnnouncedVerifier): boolean => !equalBytes(one.payee, payee);
    const whole = verifiersOf(modelRoot).filter(isOther);
    // Each shard's verifiers are read only where they count.
    const members = whole.length > 0 ? [] : (cohort?.members ?? []);
    const shards = members.map(({ firstLayer, layers }) =>
      verifiersOf(modelRoot, { manifestHash: cohort!.manifestHash, firstLayer, layers }).filter(isOther),
    );
    return findVerifierRoomProblem({ whole, shards }, Math.min(offered, contextSize));
  });
  if (offers.length > 0 && !problems.includes(undefined)) throw new Refusal('oversized', `${problems[0]}`);
  return offers.filter((_, i) => problems[i] === undefined);
}

/** Looks each model's verifiers up once. */
function rememberVerifiers({ verifiersOf }: Pick<RouterState['supply'], 'verifiersOf'>): typeof verifiersOf {
  const known = new Map<string, ReturnType<typeof verifiersOf>>();
  return (modelRoot, segment) => {
    if (segment !== undefined) return verifiersOf(modelRoot, segment);
    const verifiers = known.get(toHex(modelRoot)) ?? verifiersOf(modelRoot);
    known.set(toHex(modelRoot), verifiers);
    return verifiers;
  };
}

/** Whether nobody but its provider can check the replies of an offer. Members of a cohort have verifiers of their own. */
const lacksVerifier = (
  { verifiersOf }: Pick<RouterState['supply'], 'verifiersOf'>,
  { model: { modelId, modelRoot, cohort }, payee }: Pick<ListedOffer, 'model' | 'payee'>,
): boolean =>
  cohort === undefined &&
  isComparable(parseModelId(modelId).tier) &&
  verifiersOf(modelRoot).every((one) => equalBytes(one.payee, payee));

/** @throws Refusal 'invalid'; 'not-found' if the tier is planned */
export function assertRequest({ model, replyId, exclude, modelRoot, sort, only }: RouteQuery): void {
  readSort({ sort });
  assertRoute(
    only.length <= MAX_ONLY_PROVIDERS && only.every((id) => id.length === 32),
    `at most ${MAX_ONLY_PROVIDERS} provider ids can be named`,
  );
  assertRoute(modelRoot.length === 0 || modelRoot.length === 32, 'a model root has 32 bytes');
  assertRoute(replyId.length === REPLY_ID_BYTES, 'the reply id is malformed');
  assertRoute(
    exclude.length <= MAX_EXCLUDED_PROVIDERS && exclude.every((id) => id.length === 32),
    `at most ${MAX_EXCLUDED_PROVIDERS} provider ids can be excluded`,
  );
  let refusal: string | undefined;
  try {
    ({ refusal } = lookUpTier(parseModelId(model).tier));
  } catch (error) {
    if (error instanceof ProtocolError) throw new Refusal('invalid', error.message);
    throw error;
  }
  if (refusal !== undefined) throw new Refusal('not-found', refusal);
}

/** @throws Refusal for an unknown preference. */
function readSort({ sort }: Pick<RouteQuery, 'sort'>): Sort {
  if (sort === '') return 'none';
  const known = SORTS.find((word) => word === sort);
  assertRoute(known !== undefined, `unknown preference; expected one of ${SORTS.join(', ')}`);
  return known as Sort;
}

interface DrawnOffer {
  readonly offer: ListedOffer;
  readonly candidates: Uint8Array;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
}

function issueTicket(
  { crypto, signer, address }: Pick<RouterState, 'crypto' | 'signer' | 'address'>,
  { model: modelId, replyId }: RouteQuery,
  { offer, candidates, issuedAtMs, expiresAtMs }: DrawnOffer,
): SignedTicket {
  const { announcement, model, providerId, payee, pricePer1kAtomic, contextSize } = offer;
  return signTicket(signer, {
    router: address,
    modelId,
    providerId,
    providerEndpoint: announcement.endpoint,
    providerCertHash: announcement.certHash,
    payee,
    modelRoot: model.modelRoot,
    pricePer1kAtomic,
    contextSize,
    replyId,
    candidatesHash: hashCandidates(crypto, candidates),
    issuedAtMs,
    expiresAtMs,
  });
}

/** Whether an offer has no free slot for a caller, and refusals are a reason. */
function isDoubted(
  refusals: Pick<RouterState['refusals'], 'believe'>,
  { providerId, modelId, model: { capacity }, freeCapacity }: ListedOffer,
  { group, nowMs }: { readonly group: string; readonly nowMs: number },
): boolean {
  return freeCapacity === 0 && refusals.believe({ providerId, modelId, capacity }, group, nowMs) < capacity;
}

/** Whether no provider in good standing offers the model at any price. */
const isUnserved = (offers: readonly ListedOffer[]): boolean =>
  offers.every(({ reputationPpm }) => reputationPpm === 0);

/** Explains why no provider can be drawn, and which demand the caller can change. */
export function explainNoMatch(
  offers: readonly ListedOffer[],
  {
    modelId,
    maxPricePer1kAtomic,
    exclude,
    contextSize,
    minHeldTokens = 0n,
    only = [],
    isNoted = false,
  }: {
    readonly minHeldTokens?: bigint;
    readonly only?: readonly Uint8Array[];
    readonly contextSize: number;
    readonly modelId: string;
    readonly maxPricePer1kAtomic: bigint;
    readonly exclude: readonly Uint8Array[];
    /** The demand table has the model. */
    readonly isNoted?: boolean;
  },
): Refusal {
  if (isUnserved(offers)) {
    return new Refusal('not-found', `no provider serves ${modelId}${isNoted ? '; the demand is noted' : ''}`);
  }
  const inGoodStanding = offers.filter(({ reputationPpm }) => reputationPpm > 0);
  const affordable = inGoodStanding.filter(({ pricePer1kAtomic }) => pricePer1kAtomic <= maxPricePer1kAtomic);
  if (affordable.length === 0) {
    const [cheapest] = inGoodStanding.map((offer) => offer.pricePer1kAtomic).sort((a, b) => (a < b ? -1 : 1));
    return new Refusal(
      'precondition',
      `${modelId} costs at least ${cheapest} per 1k tokens, the limit is ${maxPricePer1kAtomic}`,
    );
  }
  const allowed = affordable.filter((offer) => isWithinBound(offer, contextSize));
  if (allowed.length === 0) {
    const least = Math.min(contextSize, ...affordable.map((offer) => offer.contextSize));
    return new Refusal(
      'oversized',
      `no provider of ${modelId} holds enough to be paid for ${least} tokens at once: ask for less`,
    );
  }
  const backed = allowed.filter((offer) => countHeld(offer) >= minHeldTokens);
  if (backed.length === 0) {
    return new Refusal('precondition', `no provider of ${modelId} has ${minHeldTokens} OGONG to lose by an ejection`);
  }
  const named = backed.filter((offer) => isAmong(offer, only));
  if (named.length === 0)
    return new Refusal('precondition', `no provider that the request names serves ${modelId} for it`);
  const untried = named.filter((offer) => !isExcluded(offer, exclude));
  if (untried.length === 0) return new Refusal('unavailable', `every provider of ${modelId} was tried already`);
  const [first] = untried;
  if (first?.gap !== undefined && untried.every(({ gap }) => gap !== undefined)) {
    return new Refusal('unavailable', `${modelId}: ${first.gap}; try again`);
  }
  return new Refusal('unavailable', `all ${untried.length} providers of ${modelId} are busy; try again`);
}

export function assertRoute(holds: boolean, message: string): void {
  if (!holds) throw new Refusal('invalid', message);
}
