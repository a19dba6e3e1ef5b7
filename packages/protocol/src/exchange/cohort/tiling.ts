import { compareBytes, equalBytes, toHex } from '../../base/bytes.ts';
import { MAX_COHORT_MEMBERS } from './cohort-offer.ts';
import { describeGap, describeLayers, type OfferedSegment } from './segment.ts';

/** The most tilings of one answer. */
export const MAX_TILINGS = 16;
/** The most offers that a search looks at: the cheapest ones of each pair of edges. */
export const MAX_SEARCHED_OFFERS = 1_024;
/** Steps of a search. Without a limit, offers that repeat a key could make it last for ever. */
const MAX_STEPS = 50_000;
/** The delay that counts between two providers without a measurement. */
export const UNMEASURED_DELAY_US = 200_000;

/** A segment with the provider that offers it. */
export interface SegmentOffer {
  readonly providerId: Uint8Array;
  /** 20 bytes. */
  readonly payee: Uint8Array;
  readonly segment: OfferedSegment;
}

export interface TilingWeights {
  /** Price of 1,000 units that one microsecond of delay of a token is worth. */
  readonly atomicPerDelayUs: bigint;
  /** Price of 1,000 units that one microsecond of the prompt's transfer is worth. */
  readonly atomicPerTransferUs: bigint;
}

export interface TilingQuery extends TilingWeights {
  /** The leader's own segment, which ends the model. */
  readonly own: SegmentOffer;
  /** Offers of other providers, for any model and cut. */
  readonly offers: readonly SegmentOffer[];
  /** Layers at which slabs of the cut begin, besides layer 0. Offers with other edges do not count. Default: any edges count. */
  readonly edges?: readonly number[];
  /** The least context of a member. */
  readonly contextSize: number;
  /** Rows of hidden states that a prompt sends over each boundary, at least 0. */
  readonly promptRows: number;
  /** Values of a row, each of four bytes. */
  readonly width: number;
  /** Returns the measured one-way delay between two providers, microseconds; undefined if nobody measured it. */
  readonly delayUs: (from: Uint8Array, to: Uint8Array) => number | undefined;
  /** Whether no payee has two members. Default: false. */
  readonly hasDistinctPayees?: boolean;
}

/** Segments that together are the whole model, in the order of their layers. The leader's segment is the last. */
export interface Tiling {
  readonly members: readonly SegmentOffer[];
  /** Sum of the members' prices. */
  readonly pricePer1kAtomic: bigint;
  /** Price, weighed delays and weighed transfers. */
  readonly costAtomic: bigint;
}

/**
 * Finds the tilings with the least cost, ascending, at most 16. Of equal costs, the one comes first whose ids are lower, from the
 * first layers on. No key has two members. Spec: docs/spec/tilings.md.
 * @returns the tilings, or the reason that there is none.
 */
export function findTilings(
  query: TilingQuery,
): { readonly tilings: readonly [Tiling, ...Tiling[]] } | { readonly problem: string } {
  const { own } = query;
  const { segment } = own;
  if (segment.firstLayer === 0 || segment.firstLayer + segment.layers !== segment.totalLayers) {
    return { problem: `${describeLayers(segment)} of ${segment.totalLayers} are not the last ones` };
  }
  const others = selectOffers(query);
  const gap = findGap(others, segment);
  if (gap !== undefined) return { problem: gap };
  const [first, ...rest] = searchTilings(query, others);
  if (first === undefined) return { problem: 'each tiling found has a provider or payee twice' };
  return { tilings: [first, ...rest] };
}

/** Selects the usable offers in the order of ties: by id, then by layers. */
function selectOffers(query: TilingQuery): SegmentOffer[] {
  const { own, offers, contextSize, edges, hasDistinctPayees = false } = query;
  const { modelId, modelRoot, manifestHash, totalLayers, numericClass, firstLayer: end } = own.segment;
  const cuts = edges && new Set([0, ...edges, end]);
  const usable = offers.filter(
    ({ providerId, payee, segment }) =>
      segment.modelId === modelId &&
      segment.totalLayers === totalLayers &&
      segment.numericClass === numericClass &&
      segment.freeCapacity > 0 &&
      segment.contextSize >= contextSize &&
      segment.firstLayer + segment.layers <= end &&
      (cuts === undefined || (cuts.has(segment.firstLayer) && cuts.has(segment.firstLayer + segment.layers))) &&
      equalBytes(segment.modelRoot, modelRoot) &&
      equalBytes(segment.manifestHash, manifestHash) &&
      !equalBytes(providerId, own.providerId) &&
      !(hasDistinctPayees && equalBytes(payee, own.payee)),
  );
  return takeCheapest(usable).sort(compareOffers);
}

/** Takes the cheapest offer of each pair of edges, then the second cheapest of each, and so on. A pair has each provider once. */
function takeCheapest(offers: readonly SegmentOffer[]): SegmentOffer[] {
  const pairs = new Map<string, Map<string, SegmentOffer>>();
  for (const offer of [...offers].sort((a, b) => comparePrices(a, b) || compareOffers(a, b))) {
    const { firstLayer, layers } = offer.segment;
    const name = `${firstLayer} ${layers}`;
    const pair = pairs.get(name) ?? new Map<string, SegmentOffer>();
    pairs.set(name, pair);
    const providerId = toHex(offer.providerId);
    if (!pair.has(providerId)) pair.set(providerId, offer);
  }
  return [...pairs.values()]
    .flatMap((pair) => [...pair.values()].map((offer, rank) => ({ offer, rank })))
    .sort((a, b) => a.rank - b.rank || b.offer.segment.layers - a.offer.segment.layers)
    .slice(0, MAX_SEARCHED_OFFERS)
    .map(({ offer }) => offer);
}

const comparePrices = (a: SegmentOffer, b: SegmentOffer): number =>
  compareCosts(a.segment.pricePer1kAtomic, b.segment.pricePer1kAtomic);

const compareOffers = (a: SegmentOffer, b: SegmentOffer): number =>
  compareBytes(a.providerId, b.providerId) ||
  a.segment.firstLayer - b.segment.firstLayer ||
  a.segment.layers - b.segment.layers;

/** Explains which layers before the leader's have no offer; undefined if the offers tile them. */
function findGap(offers: readonly SegmentOffer[], { firstLayer: end }: OfferedSegment): string | undefined {
  const fromStart = new Set([0]);
  const ascending = offers.map(({ segment }) => segment).sort((a, b) => a.firstLayer - b.firstLayer);
  for (const { firstLayer, layers } of ascending) if (fromStart.has(firstLayer)) fromStart.add(firstLayer + layers);
  if (fromStart.has(end)) return undefined;
  const toEnd = new Set([end]);
  for (const { firstLayer, layers } of ascending.reverse()) if (toEnd.has(firstLayer + layers)) toEnd.add(firstLayer);
  const from = Math.max(...fromStart);
  const to = Math.min(...[...toEnd].filter((layer) => layer > from));
  return describeGap({ firstLayer: from, layers: to - from });
}

/** An offer as the next member of a path. */
interface Step {
  readonly offer: SegmentOffer;
  /** Place in the order of ties. */
  readonly rank: number;
  /** Cost of this member and of the way to it. */
  readonly cost: bigint;
  /** That cost, and the least cost of the rest of the model. */
  readonly least: bigint;
  /** Steps from this member, ascending by least cost and rank. Empty at the leader. */
  readonly next: readonly Step[];
}

/** A path that ends with `siblings[at]`. Later siblings follow once it is taken. */
interface Path {
  readonly before: readonly Step[];
  readonly spent: bigint;
  readonly siblings: readonly Step[];
  readonly at: number;
}

/**
 * Searches the cheapest paths over boundaries of layers, best first. The least cost of the rest leaves out that no key serves
 * twice. It is never too high, so paths end in the order of their costs.
 * Source: A* (Hart, Nilsson and Raphael, IEEE Transactions on Systems Science and Cybernetics 4(2), 1968), continued after the
 * first path.
 */
function searchTilings(query: TilingQuery, others: readonly SegmentOffer[]): Tiling[] {
  const found: Tiling[] = [];
  const queue: Path[] = [{ before: [], spent: 0n, siblings: linkSteps(query, others), at: 0 }];
  for (let count = 0; count < MAX_STEPS && found.length < MAX_TILINGS; count++) {
    const path = queue.shift();
    if (path === undefined) break;
    const { before, spent, siblings, at } = path;
    const step = siblings[at] as Step;
    if (at + 1 < siblings.length) insert(queue, { ...path, at: at + 1 });
    if (isRefused(query, before, step)) continue;
    const members = [...before, step];
    if (step.offer === query.own) found.push(toTiling(members, spent + step.cost));
    else insert(queue, { before: members, spent: spent + step.cost, siblings: step.next, at: 0 });
  }
  return found;
}

/** Links each offer to those that follow it. @returns the steps to the first layers. */
function linkSteps(query: TilingQuery, others: readonly SegmentOffer[]): readonly Step[] {
  const { own, promptRows, width, delayUs, atomicPerDelayUs, atomicPerTransferUs } = query;
  const ranked = [...others, own].map((offer, rank) => ({ offer, rank }));
  const starting = new Map<number, typeof ranked>();
  for (const one of ranked) {
    const { firstLayer } = one.offer.segment;
    starting.set(firstLayer, [...(starting.get(firstLayer) ?? []), one]);
  }
  const linked = new Map<SegmentOffer, readonly Step[]>([[own, []]]);
  const link = (from: SegmentOffer, layer: number, transferUs: bigint): readonly Step[] =>
    (starting.get(layer) ?? [])
      .flatMap(({ offer, rank }) => {
        const next = linked.get(offer) as readonly Step[];
        if (offer !== own && next.length === 0) return [];
        const delay = atomicPerDelayUs * readDelay(delayUs(from.providerId, offer.providerId));
        const cost = offer.segment.pricePer1kAtomic + delay + atomicPerTransferUs * transferUs;
        return [{ offer, rank, cost, least: cost + (next[0]?.least ?? 0n), next }];
      })
      .sort((a, b) => compareCosts(a.least, b.least) || a.rank - b.rank);
  for (const offer of [...others].sort((a, b) => b.segment.firstLayer - a.segment.firstLayer)) {
    const { firstLayer, layers, uplinkMbit } = offer.segment;
    // Bits by megabits per second are microseconds.
    const transferUs = BigInt(Math.ceil((promptRows * width * 32) / uplinkMbit));
    linked.set(offer, link(offer, firstLayer + layers, transferUs));
  }
  // A sampled token goes from the leader back to the first member. It has no rows.
  return link(own, 0, 0n);
}

function readDelay(delayUs: number | undefined): bigint {
  const isMeasured = delayUs !== undefined && Number.isFinite(delayUs) && delayUs >= 0;
  return BigInt(isMeasured ? Math.ceil(delayUs) : UNMEASURED_DELAY_US);
}

function isRefused({ own, hasDistinctPayees = false }: TilingQuery, before: readonly Step[], { offer }: Step): boolean {
  if (before.length + Number(offer !== own) >= MAX_COHORT_MEMBERS) return true;
  return before.some(
    ({ offer: { providerId, payee } }) =>
      equalBytes(providerId, offer.providerId) || (hasDistinctPayees && equalBytes(payee, offer.payee)),
  );
}

const toTiling = (steps: readonly Step[], costAtomic: bigint): Tiling => ({
  members: steps.map(({ offer }) => offer),
  pricePer1kAtomic: steps.reduce((sum, { offer }) => sum + offer.segment.pricePer1kAtomic, 0n),
  costAtomic,
});

function insert(queue: Path[], path: Path): void {
  let [low, high] = [0, queue.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (comparePaths(queue[middle] as Path, path) < 0) low = middle + 1;
    else high = middle;
  }
  queue.splice(low, 0, path);
}

function comparePaths(a: Path, b: Path): number {
  const [one, other] = [a.siblings[a.at] as Step, b.siblings[b.at] as Step];
  const byCost = compareCosts(a.spent + one.least, b.spent + other.least);
  if (byCost !== 0) return byCost;
  const [left, right] = [
    [...a.before, one],
    [...b.before, other],
  ];
  const place = left.findIndex(({ rank }, i) => rank !== right[i]?.rank);
  const differs = place >= 0 && place < right.length;
  return differs ? (left[place] as Step).rank - (right[place] as Step).rank : left.length - right.length;
}

const compareCosts = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);
