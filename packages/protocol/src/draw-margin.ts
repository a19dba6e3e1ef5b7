import { measureEdge, weighBorder } from './filter-edge.ts';
import {
  computeWeights,
  createWeights,
  drawRank,
  MAX_LISTED,
  NAT,
  type SamplerSettings,
  TAIL_RANK,
  WEIGHT_ONE,
} from './sampler.ts';

/**
 * How far a claimed token is from what the verifier's own distribution draws at the same u: the evidence that asks nothing
 * of what the provider signed but the token (docs/spec/stage-2.md).
 *
 * Before it sees the token, the verifier knows how far its own log-probabilities would have to move for another draw: the
 * `margin`. An honest provider, whose log-probabilities differ by little, can only differ in the draw where the margin is
 * little. Where the draws differ, the `gap` is how far they would have to move to give the claimed token. Both in nats of
 * independent movement of each candidate: a border between tokens moves by a share of that which follows from the masses
 * on its sides, and counted in probability the same drift would look different at every position.
 */
export interface DrawMargin {
  /** The verifier draws the claimed token (or both name an unlisted one). */
  matches: boolean;
  /** Least movement that changes the verifier's own draw, nats, >= 0; infinite where none does. */
  margin: number;
  /** Least movement that makes the claimed token the draw, nats; 0 where it is. */
  gap: number;
}

/** Bins of margins and gaps: 0 holds d < 2^-20 nat, b holds 2^(b-21) <= d < 2^(b-20), the last everything from 8 nats on. */
export const MARGIN_BINS = 25;

export function binMargin(distance: number): number {
  const units = Math.min(distance * 2 ** 20, 2 ** 30);
  return units < 1 ? 0 : Math.min(MARGIN_BINS - 1, 32 - Math.clz32(units));
}

/** What a reply's draws say: positions by margin bin, matched or not, and the mismatches again by gap bin. */
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
  /** The verifier's processed cost of it where it is not listed. */
  readonly tokenCost: number | undefined;
}

export interface DrawMeter {
  /** @param out overwritten. */
  measure(position: DrawPosition, out: DrawMargin): void;
}

/** For the positions of one reply: the settings are the committed ones. */
export function createDrawMeter(settings: SamplerSettings): DrawMeter {
  if (settings.temperatureQ16 === 0) return { measure: measureGreedy };
  const unfiltered = { ...settings, filterOrder: [] };
  return { measure: (position, out) => measureSampled(position, settings, unfiltered, out) };
}

const own = createWeights();
const plain = createWeights();
const other = createWeights();

function measureSampled(
  position: DrawPosition,
  settings: SamplerSettings,
  unfiltered: SamplerSettings,
  out: DrawMargin,
): void {
  const { ids, costs, tail, u, token } = position;
  const count = ids.length;
  computeWeights(costs, count, tail, settings, own);
  const drawn = drawRank(ids, own, u);
  const claimed = ids.indexOf(token);
  out.matches = drawn === claimed;
  lay({ ids, byRank: own.byRank, kept: own.kept, tail: own.tail, scale: 1 }, u, claimed);
  let margin = layout.margin;
  let gap = layout.gap;
  computeWeights(costs, count, tail, unfiltered, plain);
  // Where the list is not cut, its tail is kept as one candidate more.
  const now = own.tail > 0 ? count + 1 : own.kept;
  const tryKept = (size: number): void => {
    if (size < 1 || size > count + (plain.tail > 0 ? 1 : 0)) return;
    const edge = measureEdge(plain, { kept: size, now, count }, settings);
    const kept = Math.min(size, count);
    const rest = size > count ? plain.tail : 0;
    let total = rest;
    for (let rank = 0; rank < kept; rank++) total += plain.byRank[rank] as number;
    if (!(edge < Number.POSITIVE_INFINITY && total > 0)) return;
    const scale = WEIGHT_ONE / total;
    lay({ ids, byRank: plain.byRank, kept, tail: rest * scale, scale }, u, claimed);
    if (layout.rank !== drawn) margin = Math.min(margin, edge);
    gap = Math.min(gap, Math.max(edge, layout.gap));
  };
  if (settings.topPQ24 < WEIGHT_ONE || settings.minPQ24 > 0) {
    // A filter that cuts one candidate more or less moves every border at once: the movement is that of its edge.
    tryKept(now - 1);
    tryKept(now + 1);
    if (now < count) tryKept(count + 1);
  }
  const temperature = settings.temperatureQ16 / NAT;
  out.margin = margin * temperature;
  if (out.matches) {
    out.gap = 0;
    return;
  }
  if (claimed >= own.kept && claimed + 1 !== now + 1) tryKept(claimed + 1);
  out.gap = Math.min(gap, measureListEdge(position, settings, claimed)) * temperature;
}

/**
 * Mismatches at the end of the list: the last listed and the first unlisted candidate change places at the least drift,
 * and one owns an interval of its own, the other a part of the tail.
 * @returns nats at temperature 1 of the weights.
 */
function measureListEdge(
  { ids, costs, tail, u, token, tokenCost }: DrawPosition,
  settings: SamplerSettings,
  claimed: number,
): number {
  const last = ids.length - 1;
  // Without a tail nothing stands outside the list that could come in.
  if (last < 1 || tail === 0) return Number.POSITIVE_INFINITY;
  const between = (a: number, b: number): number => Math.abs(a - b) / settings.temperatureQ16 / Math.SQRT2;
  let gap = Number.POSITIVE_INFINITY;
  const tryList = (count: number, outside: number, edge: number, wanted: number): void => {
    computeWeights(movedCosts, count, outside, settings, other);
    lay({ ids: movedIds, byRank: other.byRank, kept: other.kept, tail: other.tail, scale: 1 }, u, wanted);
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
    // Some other candidate came into the list for the last: what lies between them in the order moves by its mass.
    const edge = between(lastCost, costs[last - 1] as number);
    const base = { ids, byRank: own.byRank, kept: own.kept, tail: own.tail, scale: 1 };
    for (const moved of [u - (own.byRank[last] as number), u + (own.byRank[last] as number)]) {
      lay(base, Math.min(Math.max(moved, 0), WEIGHT_ONE - 1), claimed);
      gap = Math.min(gap, Math.max(edge, layout.gap));
    }
  }
  return gap;
}

const movedIds = new Uint32Array(MAX_LISTED);
const movedCosts = new Float64Array(MAX_LISTED);

/** Where the draw is the first of the list: its lead, which two movements share. */
function measureGreedy({ ids, costs, token }: DrawPosition, out: DrawMargin): void {
  const claimed = ids.indexOf(token);
  const lead = (rank: number): number => ((costs[rank] as number) - (costs[0] as number)) / NAT / Math.SQRT2;
  out.matches = claimed === 0;
  out.margin = ids.length > 1 ? lead(1) : Number.POSITIVE_INFINITY;
  out.gap = out.matches ? 0 : lead(claimed < 0 ? ids.length - 1 : claimed);
}

/** One kept set laid out in id order: the rank whose interval holds u, its margin, and the claimed token's gap. */
const layout = { rank: 0, margin: 0, gap: 0 };
const order = new Uint8Array(MAX_LISTED);

interface KeptSet {
  readonly ids: Uint32Array;
  readonly byRank: Float64Array;
  readonly kept: number;
  /** Of `WEIGHT_ONE`; the kept weights times `scale` are the rest. */
  readonly tail: number;
  readonly scale: number;
}

/** @param claimed rank of the claimed token, or -1 where it is not listed; a token that was cut has no interval. */
function lay({ ids, byRank, kept, tail, scale }: KeptSet, u: number, claimed: number): void {
  sortById(ids, kept);
  let squares = (tail / WEIGHT_ONE) ** 2;
  for (let rank = 0; rank < kept; rank++) squares += (((byRank[rank] as number) * scale) / WEIGHT_ONE) ** 2;
  const nats = (distance: number, border: number, below: number): number =>
    border <= 0 || border >= WEIGHT_ONE
      ? Number.POSITIVE_INFINITY
      : distance / WEIGHT_ONE / weighBorder(border / WEIGHT_ONE, below, squares - below);
  layout.rank = TAIL_RANK;
  layout.gap = Number.POSITIVE_INFINITY;
  let cumulative = 0;
  let below = 0;
  let isFound = false;
  for (let i = 0; i <= kept; i++) {
    const isTail = i === kept;
    const rank = isTail ? TAIL_RANK : (order[i] as number);
    const low = cumulative;
    const lowSquares = below;
    const mass = isTail ? WEIGHT_ONE - cumulative : (byRank[rank] as number) * scale;
    cumulative = isTail || (i === kept - 1 && tail === 0) ? WEIGHT_ONE : cumulative + mass;
    below += (mass / WEIGHT_ONE) ** 2;
    if (!isFound && (u < cumulative || isTail)) {
      isFound = true;
      layout.rank = rank;
      layout.margin = Math.min(nats(u - low + 1, low, lowSquares), nats(cumulative - u, cumulative, below));
    }
    if (rank !== claimed) continue;
    if (u < low) layout.gap = nats(low - u, low, lowSquares);
    else layout.gap = u >= cumulative ? nats(u - cumulative + 1, cumulative, below) : 0;
  }
}

function sortById(ids: Uint32Array, kept: number): void {
  for (let i = 0; i < kept; i++) {
    const id = ids[i] as number;
    let j = i;
    while (j > 0 && (ids[order[j - 1] as number] as number) > id) {
      order[j] = order[j - 1] as number;
      j--;
    }
    order[j] = i;
  }
}
