import { expFixed } from './exponential.ts';
import {
  computeWeights,
  createWeights,
  drawRank,
  MAX_LISTED,
  type SamplerSettings,
  TAIL_RANK,
  WEIGHT_ONE,
} from './sampler.ts';

/**
 * How far a claimed token is from what the verifier's own distribution draws at the same u, in probability: the evidence
 * that asks nothing of what the provider signed but the token (docs/spec/stage-2.md).
 *
 * Before it sees the token, the verifier knows how far its own distribution would have to move for another draw: the
 * `margin`. An honest provider whose distribution differs by little can only differ in the draw where the margin is
 * little. Where the draws differ, the `gap` is how far the distribution would have to move to give the claimed token.
 */
export interface DrawMargin {
  /** The verifier draws the claimed token (or both name an unlisted one). */
  matches: boolean;
  /** Least movement that changes the verifier's own draw, 2^-24 units, >= 0; 2^24 where nothing can. */
  margin: number;
  /** Least movement that makes the claimed token the draw, 2^-24 units; 0 where it is. */
  gap: number;
}

/** Bins of margins and gaps: 0 holds d < 1, b holds 2^(b-1) <= d < 2^b, the last everything from 2^23 on. */
export const MARGIN_BINS = 25;

export function binMargin(distance: number): number {
  return distance < 1 ? 0 : Math.min(MARGIN_BINS - 1, 32 - Math.clz32(Math.min(distance, WEIGHT_ONE)));
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
/** One kept set laid out in id order: the interval that holds u, and the claimed token's. */
const layout = { rank: 0, low: 0, high: 0, claimedLow: 0, claimedHigh: 0 };

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
  lay(ids, own.byRank, own.kept, own.tail, 1, u, claimed);
  let margin = WEIGHT_ONE;
  if (layout.low > 0) margin = u - layout.low + 1;
  if (layout.high < WEIGHT_ONE) margin = Math.min(margin, layout.high - u);
  const isDropped = claimed >= own.kept;
  // A token that was cut has no interval at any u: it first needs a kept set that reaches it.
  let gap = isDropped ? WEIGHT_ONE : distanceOutside(u, layout.claimedLow, layout.claimedHigh);
  if (isDropped || settings.topPQ24 < WEIGHT_ONE || settings.minPQ24 > 0) {
    computeWeights(costs, count, tail, unfiltered, plain);
    const kept = own.kept;
    // A filter that cuts one candidate more or less moves every border at once: the movement is that of its edge.
    tryKept(kept - 1);
    tryKept(kept + 1);
    if (claimed > kept) tryKept(claimed + 1);
  }
  out.margin = margin;
  out.gap = out.matches ? 0 : gap;

  function tryKept(kept: number): void {
    if (kept < 1 || kept > count) return;
    const edge = measureEdge(kept, own.kept, count, settings);
    let total = 0;
    for (let rank = 0; rank < kept; rank++) total += plain.byRank[rank] as number;
    if (!(edge < WEIGHT_ONE && total > 0)) return;
    lay(ids, plain.byRank, kept, 0, WEIGHT_ONE / total, u, claimed);
    if (layout.rank !== drawn) margin = Math.min(margin, edge);
    if (claimed >= kept) return;
    gap = Math.min(gap, Math.max(edge, distanceOutside(u, layout.claimedLow, layout.claimedHigh)));
  }
}

/** Where the draw is the first of the list: half the difference to the next one's probability at temperature 1. */
function measureGreedy({ ids, costs, token }: DrawPosition, out: DrawMargin): void {
  const weigh = (rank: number): number =>
    expFixed(Math.min(Math.max((costs[rank] as number) - (costs[0] as number), 0), 2 ** 24));
  let total = 0;
  for (let rank = 0; rank < ids.length; rank++) total += weigh(rank);
  const claimed = ids.indexOf(token);
  const below = (rank: number): number => ((weigh(0) - weigh(rank)) / total / 2) * WEIGHT_ONE;
  out.matches = claimed === 0;
  out.margin = ids.length > 1 ? below(1) : WEIGHT_ONE;
  out.gap = out.matches ? 0 : below(claimed < 0 ? ids.length - 1 : claimed);
}

/**
 * Least movement of the unfiltered masses in `plain` that makes the filters keep `kept` instead of `now` candidates,
 * 2^-24 units of what each filter cuts from; 2^24 where no filter would.
 */
function measureEdge(kept: number, now: number, count: number, settings: SamplerSettings): number {
  const w = plain.byRank;
  let size = count;
  let outside = plain.tail;
  let grow = 0;
  let shrink = WEIGHT_ONE;
  for (const filter of settings.filterOrder) {
    let total = outside;
    for (let rank = 0; rank < size; rank++) total += w[rank] as number;
    const before = size;
    if (filter === 'top-k') {
      if (settings.topK === 0 || settings.topK > size) continue;
      size = settings.topK;
      if (kept > size) grow = Math.max(grow, ((w[size - 1] as number) - (w[kept - 1] as number)) / total);
    } else if (filter === 'top-p') {
      if (settings.topPQ24 >= WEIGHT_ONE) continue;
      const limit = (total * settings.topPQ24) / WEIGHT_ONE;
      let cumulative = 0;
      let reached = 0;
      for (let rank = 0; rank < before; rank++) {
        cumulative += w[rank] as number;
        if (rank === kept - 2) grow = Math.max(grow, (cumulative - limit) / total);
        if (rank === kept - 1) shrink = Math.min(shrink, Math.max(0, limit - cumulative) / total);
        if (reached === 0 && cumulative >= limit) reached = rank + 1;
      }
      if (reached > 0) size = reached;
    } else {
      const threshold = ((w[0] as number) * settings.minPQ24) / WEIGHT_ONE;
      while (size > 1 && (w[size - 1] as number) < threshold) size--;
      grow = Math.max(grow, (threshold - (w[kept - 1] as number)) / total);
      if (kept < before) shrink = Math.min(shrink, Math.max(0, (w[kept] as number) - threshold) / total);
    }
    if (size < before || filter === 'top-k') outside = 0;
  }
  return (kept > now ? grow : shrink) * WEIGHT_ONE;
}

/** @param claimed rank of the claimed token: below `kept`, or -1 where it is not listed. */
function lay(
  ids: Uint32Array,
  byRank: Float64Array,
  kept: number,
  tail: number,
  scale: number,
  u: number,
  claimed: number,
): void {
  sortById(ids, kept);
  layout.rank = TAIL_RANK;
  layout.low = layout.claimedLow = WEIGHT_ONE - tail;
  layout.high = layout.claimedHigh = WEIGHT_ONE;
  let cumulative = 0;
  let isFound = false;
  for (let i = 0; i < kept; i++) {
    const rank = order[i] as number;
    const low = cumulative;
    cumulative = i === kept - 1 && tail === 0 ? WEIGHT_ONE : cumulative + (byRank[rank] as number) * scale;
    if (!isFound && u < cumulative) {
      isFound = true;
      layout.rank = rank;
      layout.low = low;
      layout.high = cumulative;
    }
    if (rank === claimed) {
      layout.claimedLow = low;
      layout.claimedHigh = cumulative;
    }
  }
}

const order = new Uint8Array(MAX_LISTED);

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

/** Distance of u from [low, high), at least one unit outside. */
function distanceOutside(u: number, low: number, high: number): number {
  if (u < low) return low - u;
  return u >= high ? u - high + 1 : 0;
}
