import { measureExchange, measureExchanges, measureShifts } from '../sampling/draw-exchange.ts';
import { findRank, type KeptSet, type Layout, lay } from '../sampling/draw-layout.ts';
import { createEdges, measureEdges } from '../sampling/filter-edge.ts';
import {
  computeWeights,
  createWeights,
  filterWeights,
  MAX_LISTED,
  NAT,
  type SamplerSettings,
  sortById,
  TAIL_RANK,
  WEIGHT_ONE,
  type Weights,
  weighCandidates,
} from '../sampling/sampler.ts';

/**
 * The distance of a claimed token from the draw of the verifier's own distribution at the same u (docs/spec/stage-2.md). Of the
 * provider's signed data this evidence uses only the token.
 *
 * The `margin` is known before the token: how far the verifier's own log-probabilities would have to move for another draw. An
 * honest provider's log-probabilities differ by little, so its draw can differ only if the margin is small. If the draws
 * differ, the `gap` is how far they would have to move to give the claimed token.
 *
 * Both are in nats of independent movement of each candidate. A border between tokens moves by a share of that, which follows
 * from the masses on its sides. Measured in probability, the same drift would look different at every position.
 */
export interface DrawMargin {
  /** Set if the verifier draws the claimed token (or both name an unlisted one). */
  matches: boolean;
  /** Least movement that changes the verifier's own draw, nats, >= 0; infinite if none does. */
  margin: number;
  /** Least movement that makes the claimed token the draw, nats; 0 if it already is. */
  gap: number;
}

/**
 * Number of bins of margins and gaps. Bin 0 has d < 2^-20 nat, bin b has 2^(b-21) <= d < 2^(b-20), and the last has everything
 * from 8 nats on.
 */
export const MARGIN_BINS = 25;

export function binMargin(distance: number): number {
  const units = Math.min(distance * 2 ** 20, 2 ** 30);
  return units < 1 ? 0 : Math.min(MARGIN_BINS - 1, 32 - Math.clz32(units));
}

/** Counts of a reply's draws: positions by margin bin, matched or not, and the mismatches again by gap bin. */
export interface DrawCounts {
  readonly matches: Uint32Array;
  readonly mismatches: Uint32Array;
  readonly gaps: Uint32Array;
}

export function createDrawCounts(): DrawCounts {
  const counts = (): Uint32Array => new Uint32Array(MARGIN_BINS);
  return { matches: counts(), mismatches: counts(), gaps: counts() };
}

export function addDrawMargin(counts: DrawCounts, { matches, margin, gap }: DrawMargin): void {
  const row = matches ? counts.matches : counts.mismatches;
  const bin = binMargin(margin);
  row[bin] = (row[bin] as number) + 1;
  if (matches) return;
  const gapBin = binMargin(gap);
  counts.gaps[gapBin] = (counts.gaps[gapBin] as number) + 1;
}

export interface DrawPosition {
  /** The verifier's candidates by rank. */
  readonly ids: Uint32Array;
  /** Their processed costs, ascending; the first ids.length are read. */
  readonly costs: Float64Array;
  /** The verifier's mass outside the list, 2^-24 units. */
  readonly tail: number;
  readonly u: number;
  /** The claimed token. */
  readonly token: number;
  /** The verifier's processed cost of it, if it is not listed. */
  readonly tokenCost: number | undefined;
}

export interface DrawMeter {
  /** @param out overwritten. */
  measure(position: DrawPosition, out: DrawMargin): void;
  /** Weights of the last measured position, after the filters. */
  readonly weights: Weights;
}

/** Creates a meter for the positions of one reply with the committed settings. */
export function createDrawMeter(settings: SamplerSettings): DrawMeter {
  const weights = createWeights();
  if (settings.temperatureQ16 === 0) {
    computeWeights([0], 1, 0, settings, weights);
    return { measure: measureGreedy, weights };
  }
  return { measure: (position, out) => measureSampled(position, settings, weights, out), weights };
}

// Buffers of one position. They are sorted by id once, for all kept sets.
const plain = createWeights();
const order = new Uint8Array(MAX_LISTED);
const layout: Layout = { rank: 0, margin: 0, gap: 0 };
const set: KeptSet = { order, count: 0, byRank: plain.byRank, kept: 0, tail: 0, scale: 1 };
const edges = createEdges(MAX_LISTED + 1);

function measureSampled(position: DrawPosition, settings: SamplerSettings, own: Weights, out: DrawMargin): void {
  const { ids, costs, tail, u, token } = position;
  const count = ids.length;
  weighCandidates(costs, count, tail, settings, plain);
  for (let rank = 0; rank < count; rank++) own.byRank[rank] = plain.byRank[rank] as number;
  own.kept = count;
  own.tail = tail;
  filterWeights(settings, own);
  sortById(ids, count, order);
  const claimed = ids.indexOf(token);
  setOwn(own, count);
  lay(set, u, claimed, layout);
  const drawn = layout.rank;
  const matches = drawn === claimed;
  let margin = layout.margin;
  let gap = layout.gap;
  // If the list is not cut, its tail is kept as one more candidate.
  const now = own.tail > 0 ? count + 1 : own.kept;
  listSets({ now, count, most: count + (tail > 0 ? 1 : 0) }, settings);
  const near = edges.length;
  if (!matches && near > 0) listFarSets(now, count + (tail > 0 ? 1 : 0));
  if (edges.length > 0) measureEdges(plain, { now, count }, settings, edges);
  for (let i = 0; i < edges.length; i++) {
    const edge = edges.nats[i] as number;
    // Sets farther from the verifier's own one only explain a mismatch. Its own draw does not depend on them.
    const isForMargin = i < near;
    // A set with an edge farther than the least movement so far cannot lower it.
    if (!(edge < Number.POSITIVE_INFINITY) || ((edge >= margin || !isForMargin) && (matches || edge >= gap))) continue;
    if (!setUnfiltered(edges.kept[i] as number, count)) continue;
    if (matches) {
      if (findRank(set, u) !== drawn) margin = Math.min(margin, edge);
      continue;
    }
    lay(set, u, claimed, layout);
    if (isForMargin && layout.rank !== drawn) margin = Math.min(margin, edge);
    gap = Math.min(gap, Math.max(edge, layout.gap));
  }
  if (own.tail === 0 && own.kept < count) {
    setOwn(own, count);
    const cut = { set, costs, u, temperatureQ16: settings.temperatureQ16 };
    margin = measureExchange(cut, drawn, margin);
    if (!matches) gap = measureShifts(cut, claimed, measureExchanges(cut, claimed, gap));
  }
  const temperature = settings.temperatureQ16 / NAT;
  out.matches = matches;
  out.margin = margin * temperature;
  out.gap = matches ? 0 : Math.min(gap, measureListEdge(position, settings, own, claimed)) * temperature;
}

function setOwn(own: Weights, count: number): void {
  set.order = order;
  set.count = count;
  set.byRank = own.byRank;
  set.kept = own.kept;
  set.tail = own.tail;
  set.scale = 1;
}

/** @returns whether the set has any mass. */
function setUnfiltered(size: number, count: number): boolean {
  const kept = Math.min(size, count);
  const rest = size > count ? plain.tail : 0;
  let total = rest;
  for (let rank = 0; rank < kept; rank++) total += plain.byRank[rank] as number;
  set.byRank = plain.byRank;
  set.kept = kept;
  set.scale = WEIGHT_ONE / total;
  set.tail = rest * set.scale;
  return total > 0;
}

/**
 * Lists sets near the own one. A filter that cuts one candidate more or less moves every border at once. The movement is that
 * of its edge.
 */
function listSets(
  { now, count, most }: { readonly now: number; readonly count: number; readonly most: number },
  { topPQ24, minPQ24 }: SamplerSettings,
): void {
  edges.length = 0;
  if (topPQ24 >= WEIGHT_ONE && minPQ24 === 0) return;
  if (now > 1) edges.kept[edges.length++] = now - 1;
  if (now < most) edges.kept[edges.length++] = now + 1;
  if (now < count && most > count) edges.kept[edges.length++] = most;
}

/** Lists all other sets. With many candidates at the edge, drift moves several at once. */
function listFarSets(now: number, most: number): void {
  for (let kept = 1; kept <= most; kept++) {
    if (kept !== now && !edges.kept.subarray(0, edges.length).includes(kept)) edges.kept[edges.length++] = kept;
  }
}

/**
 * Measures mismatches at the end of the list. At the least drift the last listed and the first unlisted candidate change
 * places. One then has its own interval, the other a part of the tail.
 * @returns nats at temperature 1 of the weights.
 */
function measureListEdge(
  { ids, costs, tail, u, token, tokenCost }: DrawPosition,
  settings: SamplerSettings,
  own: Weights,
  claimed: number,
): number {
  const last = ids.length - 1;
  // Without a tail no candidate outside the list could enter it.
  if (last < 1 || tail === 0) return Number.POSITIVE_INFINITY;
  const between = (a: number, b: number): number => Math.abs(a - b) / settings.temperatureQ16 / Math.SQRT2;
  let gap = Number.POSITIVE_INFINITY;
  const tryList = (count: number, outside: number, edge: number, wanted: number): void => {
    computeWeights(movedCosts, count, outside, settings, moved);
    sortById(movedIds, moved.kept, movedOrder);
    const { byRank, kept, tail: rest } = moved;
    lay({ order: movedOrder, count: kept, byRank, kept, tail: rest, scale: 1 }, u, wanted, layout);
    gap = Math.min(gap, Math.max(edge, layout.gap));
  };
  movedIds.set(ids);
  movedCosts.set(costs.subarray(0, ids.length));
  const lastCost = costs[last] as number;
  if (claimed < 0 && tokenCost !== undefined) {
    movedIds[last] = token;
    movedCosts[last] = Math.max(tokenCost, lastCost);
    tryList(last + 1, tail, between(tokenCost, lastCost), last);
  } else if (claimed >= 0) {
    for (let rank = claimed; rank < last; rank++) {
      movedIds[rank] = ids[rank + 1] as number;
      movedCosts[rank] = costs[rank + 1] as number;
    }
    const outside = Math.min(tail + Math.round(plain.byRank[claimed] as number), WEIGHT_ONE - 1);
    tryList(last, outside, between(lastCost, costs[claimed] as number), TAIL_RANK);
  }
  if (own.tail > 0) {
    // Another candidate replaced the last one in the list. Everything between them in the order moves by its mass.
    const edge = between(lastCost, costs[last - 1] as number);
    const weight = own.byRank[last] as number;
    setOwn(own, ids.length);
    for (const by of [-weight, weight]) {
      lay(set, Math.min(Math.max(u + by, 0), WEIGHT_ONE - 1), claimed, layout);
      gap = Math.min(gap, Math.max(edge, layout.gap));
    }
  }
  return gap;
}

const moved = createWeights();
const movedIds = new Uint32Array(MAX_LISTED);
const movedCosts = new Float64Array(MAX_LISTED);
const movedOrder = new Uint8Array(MAX_LISTED);

/** Measures a greedy draw: the lead of the first candidate, which two movements share. */
function measureGreedy({ ids, costs, token }: DrawPosition, out: DrawMargin): void {
  const claimed = ids.indexOf(token);
  const lead = (rank: number): number => ((costs[rank] as number) - (costs[0] as number)) / NAT / Math.SQRT2;
  out.matches = claimed === 0;
  out.margin = ids.length > 1 ? lead(1) : Number.POSITIVE_INFINITY;
  out.gap = out.matches ? 0 : lead(claimed < 0 ? ids.length - 1 : claimed);
}
