import { describe, expect, it } from 'vitest';
import { createSeededRandom } from '../../../base/seeded-random.ts';
import { weighBorder } from '../sampling/filter-edge.ts';
import {
  computeWeights,
  createWeights,
  type Filter,
  MAX_LISTED,
  NAT,
  PLAIN_SAMPLER,
  type SamplerSettings,
  TAIL_RANK,
  WEIGHT_ONE,
  type Weights,
} from '../sampling/sampler.ts';
import { createDrawMeter, type DrawMargin, type DrawPosition } from './draw-margin.ts';

/**
 * The reference of docs/spec/stage-2.md: every set is sorted, weighed and laid out separately. The meter must equal it to the
 * bit.
 */
const own = createWeights();
const plain = createWeights();
const other = createWeights();

function measureSlowly(
  position: DrawPosition,
  settings: SamplerSettings,
  unfiltered: SamplerSettings,
  out: DrawMargin,
): void {
  const { ids, costs, tail, u, token } = position;
  const count = ids.length;
  computeWeights(costs, count, tail, settings, own);
  const claimed = ids.indexOf(token);
  lay({ ids, byRank: own.byRank, kept: own.kept, tail: own.tail, scale: 1 }, u, claimed);
  const drawn = layout.rank;
  out.matches = drawn === claimed;
  let margin = layout.margin;
  let gap = layout.gap;
  computeWeights(costs, count, tail, unfiltered, plain);
  // If the list is not cut, its tail is kept as one more candidate.
  const now = own.tail > 0 ? count + 1 : own.kept;
  const tryKept = (size: number, isForMargin: boolean): void => {
    if (size < 1 || size > count + (plain.tail > 0 ? 1 : 0)) return;
    const edge = measureEdge(plain, { kept: size, now, count }, settings);
    const kept = Math.min(size, count);
    const rest = size > count ? plain.tail : 0;
    let total = rest;
    for (let rank = 0; rank < kept; rank++) total += plain.byRank[rank] as number;
    if (!(edge < Number.POSITIVE_INFINITY && total > 0)) return;
    const scale = WEIGHT_ONE / total;
    lay({ ids, byRank: plain.byRank, kept, tail: rest * scale, scale }, u, claimed);
    if (isForMargin && layout.rank !== drawn) margin = Math.min(margin, edge);
    gap = Math.min(gap, Math.max(edge, layout.gap));
  };
  if (settings.topPQ24 < WEIGHT_ONE || settings.minPQ24 > 0) {
    // A filter that cuts one candidate more or less moves every border at once. The movement is that of its edge.
    tryKept(now - 1, true);
    tryKept(now + 1, true);
    if (now < count) tryKept(count + 1, true);
    for (let size = 1; size <= count + 1; size++) if (size !== now && !out.matches) tryKept(size, false);
  }
  if (own.tail === 0 && own.kept < count) {
    for (let from = own.kept - 1; from >= Math.max(0, own.kept - 8); from--) {
      for (let to = own.kept; to < Math.min(count, own.kept + 8); to++) {
        const apart = Math.max(0, (costs[to] as number) - (costs[from] as number));
        const edge = apart / settings.temperatureQ16 / Math.SQRT2;
        // A kept candidate was replaced by one that was cut.
        const changed = ids.slice();
        [changed[from], changed[to]] = [ids[to] as number, ids[from] as number];
        const wanted = changed.indexOf(token);
        lay(
          { ids: changed, byRank: own.byRank, kept: own.kept, tail: 0, scale: 1 },
          u,
          wanted < own.kept ? wanted : -1,
        );
        const isNext = from === own.kept - 1 && to === own.kept;
        if (isNext && edge < margin && changed[layout.rank] !== ids[drawn]) margin = edge;
        if (wanted >= 0 && wanted < own.kept && edge < gap) gap = Math.min(gap, Math.max(edge, layout.gap));
      }
    }
  }
  if (own.tail === 0 && own.kept < count && claimed >= 0 && claimed < own.kept) {
    const kept = Array.from(ids.subarray(0, own.kept).keys());
    const before = kept.filter((rank) => (ids[rank] as number) < token);
    const low = before.reduce((sum, rank) => sum + (own.byRank[rank] as number), 0);
    const high = low + (own.byRank[claimed] as number);
    const distance = Math.max(low - u, u - high + 1);
    for (let k = Math.min(8, own.kept, count - own.kept); k > 0; k--) {
      const weight = kept.slice(-k).reduce((sum, rank) => sum + (own.byRank[rank] as number), 0);
      const apart = Math.max(0, (costs[own.kept + k - 1] as number) - (costs[own.kept - k] as number));
      const edge = apart / settings.temperatureQ16 / Math.SQRT2;
      if (distance <= weight && edge < gap) gap = edge;
    }
  }
  const temperature = settings.temperatureQ16 / NAT;
  out.margin = margin * temperature;
  if (out.matches) {
    out.gap = 0;
    return;
  }
  out.gap = Math.min(gap, measureListEdge(position, settings, claimed)) * temperature;
}

function measureListEdge(
  { ids, costs, tail, u, token, tokenCost }: DrawPosition,
  settings: SamplerSettings,
  claimed: number,
): number {
  const last = ids.length - 1;
  // Without a tail no candidate outside the list could enter it.
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
    // Another candidate replaced the last one in the list. The mass between them in the order moves by its mass.
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

/** One kept set laid out in id order: the rank whose interval contains u, its margin, and the claimed token's gap. */
const layout = { rank: 0, margin: 0, gap: 0 };
const order = new Uint8Array(MAX_LISTED);

interface KeptSet {
  readonly ids: Uint32Array;
  readonly byRank: Float64Array;
  readonly kept: number;
  /** In units of `WEIGHT_ONE`. The kept weights times `scale` are the rest. */
  readonly tail: number;
  readonly scale: number;
}

/** @param claimed rank of the claimed token, or -1 if it is not listed. A token that was cut has no interval. */
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
function measureEdge(
  plain: Weights,
  { kept, now, count }: { readonly kept: number; readonly now: number; readonly count: number },
  settings: SamplerSettings,
): number {
  const w = plain.byRank;
  // The list keeps its tail only together with the last listed candidate.
  const last = Math.min(kept, count) - 1;
  let size = count;
  let outside = plain.tail;
  let grow = 0;
  let shrink = Number.POSITIVE_INFINITY;
  for (const filter of settings.filterOrder) {
    let total = outside;
    for (let rank = 0; rank < size; rank++) total += w[rank] as number;
    const share = (rank: number): number => (w[rank] as number) / total;
    const before = size;
    if (filter === 'top-k') {
      // No movement makes a filter by count keep the tail.
      if (settings.topK > 0 && settings.topK <= count && kept > count) return Number.POSITIVE_INFINITY;
      if (settings.topK === 0 || settings.topK > size) continue;
      size = settings.topK;
      if (kept > size) grow = Math.max(grow, apart(share(size - 1), share(last)));
    } else if (filter === 'top-p') {
      if (settings.topPQ24 >= WEIGHT_ONE) continue;
      let squares = (outside / total) ** 2;
      for (let rank = 0; rank < before; rank++) squares += share(rank) ** 2;
      const limit = settings.topPQ24 / WEIGHT_ONE;
      let cumulative = 0;
      let squaresBelow = 0;
      let reached = 0;
      for (let rank = 0; rank < before; rank++) {
        cumulative += share(rank);
        squaresBelow += share(rank) ** 2;
        if (rank === kept - 2 || rank === kept - 1) {
          const border = weighBorder(cumulative, squaresBelow, squares - squaresBelow);
          if (rank === kept - 2) grow = Math.max(grow, (cumulative - limit) / border);
          else shrink = Math.min(shrink, Math.max(0, limit - cumulative) / border);
        }
        if (reached === 0 && cumulative >= limit) reached = rank + 1;
      }
      if (reached > 0) size = reached;
    } else {
      if (settings.minPQ24 === 0) continue;
      const threshold = settings.minPQ24 / WEIGHT_ONE;
      while (size > 1 && (w[size - 1] as number) < threshold * (w[0] as number)) size--;
      grow = Math.max(grow, apart(threshold * share(0), share(last)));
      if (kept < before) shrink = Math.min(shrink, Math.max(0, apart(share(kept), threshold * share(0))));
    }
    if (size < before || filter === 'top-k') outside = 0;
  }
  return kept > now ? grow : shrink;
}

/** Computes the movement of two masses, nats, that makes them equal: to first order, relative to the smaller. */
function apart(larger: number, smaller: number): number {
  return (larger - smaller) / (smaller * Math.SQRT2);
}

const ORDERS: readonly (readonly Filter[])[] = [
  ['top-k', 'top-p', 'min-p'],
  ['min-p', 'top-p', 'top-k'],
  ['top-p', 'top-k', 'min-p'],
];

/** Creates any settings and any list that a header and a window may contain, often unusual ones. */
function createPosition(random: () => number): { settings: SamplerSettings; position: DrawPosition } {
  const below = (limit: number): number => Math.floor(random() * limit);
  const some = <T>(...values: readonly T[]): T => values[below(values.length)] as T;
  const count = some(1, 2, 3, 20, 20, 22, 40, 63, 64);
  const spread = some(0, 3, 300, 5 * NAT, 5 * NAT, 8 * NAT, 12 * NAT, 30 * NAT, 250 * NAT);
  const step = some(1, 1, 1, Math.ceil(spread / 4));
  const shift = some(0, 0, -3 * NAT, 90 * NAT);
  const costs = Float64Array.from({ length: count }, () => shift + Math.floor(below(spread + 1) / step) * step).sort();
  // Costs out of order, as a dishonest verifier may send them.
  if (random() < 0.03) costs.reverse();
  const tail = some(0, 0, 1, below(2 ** 12), below(2 ** 22), below(2 ** 22), below(2 ** 24), 2 ** 24 - 1);
  const width = some(64, 512, 32_000, 2 ** 24, 2 ** 32);
  const ids = new Set<number>();
  while (ids.size < count) ids.add(below(width));
  const listed = Uint32Array.from(ids);
  const isListed = random() < 0.8;
  let token = listed[below(count)] as number;
  while (!isListed && ids.has(token)) token = below(width + 1);
  const settings: SamplerSettings = {
    ...PLAIN_SAMPLER,
    temperatureQ16: some(1, NAT / 2, 52_429, NAT, NAT, NAT, 2 * NAT, 100 * NAT),
    topK: some(0, 0, 0, 1, 2, 5, 20, count - 1, count, count + 1, 200),
    topPQ24: some(WEIGHT_ONE, WEIGHT_ONE, 1, below(WEIGHT_ONE) + 1, WEIGHT_ONE - below(2 ** 22), WEIGHT_ONE - 1),
    minPQ24: some(0, 0, 1, below(2 ** 10), below(2 ** 20), below(WEIGHT_ONE), WEIGHT_ONE),
    filterOrder: some(...ORDERS, []),
  };
  const tokenCost =
    isListed || random() < 0.1 ? undefined : (costs[count - 1] as number) + below(some(9, NAT, 2 ** 24)) - 4;
  return { settings, position: { ids: listed, costs, tail, u: below(WEIGHT_ONE), token, tokenCost } };
}

describe('draw margins', () => {
  it('equal a separate layout of every set, to the bit', () => {
    const random = createSeededRandom(20_261_120);
    const out: DrawMargin = { matches: false, margin: -1, gap: -1 };
    const slow = { ...out };
    const seen = { matches: 0, infiniteMargins: 0, cutLists: 0, unlisted: 0, unordered: 0 };
    for (let i = 0; i < 8000; i++) {
      const { settings, position } = createPosition(random);
      const meter = createDrawMeter(settings);
      meter.measure(position, out);
      measureSlowly(position, settings, { ...settings, filterOrder: [] }, slow);
      const isSame = out.matches === slow.matches && Object.is(out.margin, slow.margin) && Object.is(out.gap, slow.gap);
      const { kept, tail, byRank } = meter.weights;
      const isSameWeight = own.byRank.every((weight, rank) => rank >= kept || Object.is(byRank[rank], weight));
      if (!isSame || !isSameWeight || kept !== own.kept || !Object.is(tail, own.tail)) {
        expect({ i, settings, ...out, kept, tail, byRank }).toEqual({ i, settings, ...slow, ...own });
      }
      if (slow.matches) seen.matches++;
      if (slow.margin === Infinity) seen.infiniteMargins++;
      if (own.kept < position.ids.length) seen.cutLists++;
      if (!position.ids.includes(position.token)) seen.unlisted++;
      if (Number.isNaN(slow.margin)) seen.unordered++;
    }
    for (const [name, count] of Object.entries(seen)) expect(count, name).toBeGreaterThan(100);
  });
});
