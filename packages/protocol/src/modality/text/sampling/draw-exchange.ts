import { findRank, type KeptSet, type Layout, lay } from './draw-layout.ts';
import { MAX_LISTED } from './sampler.ts';

/**
 * A list that a filter cuts. At the edge, the smallest drift changes the order (docs/spec/stage-2.md). A cut candidate then takes
 * the place and the weight of a kept one, under any filter.
 */
export interface CutList {
  /** The verifier's own set; not mutated. */
  readonly set: KeptSet;
  /** Processed costs by rank, of all listed candidates. */
  readonly costs: Float64Array;
  /** 0..2^24-1. */
  readonly u: number;
  readonly temperatureQ16: number;
}

/**
 * Number of ranks on each side of the edge that are tried. In a flat list all ranks could swap, but trying all of them is not
 * worth its cost.
 */
const REACH = 8;

const swapped = new Uint8Array(MAX_LISTED);
const layout: Layout = { rank: 0, margin: 0, gap: 0 };

/** Returns the nats at the temperature that make two candidates equally likely; `out` is the likelier one. */
const apartOf = ({ costs, temperatureQ16 }: CutList, out: number, into: number): number =>
  Math.max(0, (costs[into] as number) - (costs[out] as number)) / temperatureQ16 / Math.SQRT2;

/** Returns the set's order with two ranks swapped. The rank `out` then means the other candidate. */
function exchange({ order, count }: KeptSet, out: number, into: number): Uint8Array {
  for (let i = 0; i < count; i++) {
    const rank = order[i] as number;
    swapped[i] = rank === into ? out : rank === out ? into : rank;
  }
  return swapped;
}

/**
 * @returns the smaller of `margin` and the exchange of the last kept candidate for the next one, if that draws another token;
 * nats.
 */
export function measureExchange(cut: CutList, drawn: number, margin: number): number {
  const { set, u } = cut;
  const [last, next] = [set.kept - 1, set.kept];
  const edge = apartOf(cut, last, next);
  if (!(edge < margin)) return margin;
  const { order } = set;
  set.order = exchange(set, last, next);
  const rank = findRank(set, u);
  set.order = order;
  return (rank === last ? next : rank) === drawn ? margin : edge;
}

/** @returns the smaller of `gap` and the least exchange that brings the claimed token to u or near it; nats. */
export function measureExchanges(cut: CutList, claimed: number, gap: number): number {
  const { set, u } = cut;
  const { order, kept } = set;
  const fewest = Math.max(0, kept - REACH);
  const most = Math.min(set.count, kept + REACH);
  let least = gap;
  for (let out = kept - 1; out >= fewest && apartOf(cut, out, kept) < least; out--) {
    for (let into = kept; into < most; into++) {
      const edge = apartOf(cut, out, into);
      if (!(edge < least)) break;
      const wanted = claimed === into ? out : claimed;
      if (claimed === out || wanted < 0 || wanted >= kept) continue;
      set.order = exchange(set, out, into);
      lay(set, u, wanted, layout);
      set.order = order;
      least = Math.min(least, Math.max(edge, layout.gap));
    }
  }
  return least;
}

/** Measures shifts. In a flat list several candidates swap at once. Together they move every border by up to their weight. */
export function measureShifts(cut: CutList, claimed: number, gap: number): number {
  const { set, u } = cut;
  const { order, kept, byRank } = set;
  if (claimed < 0 || claimed >= kept) return gap;
  let low = 0;
  for (let i = 0; order[i] !== claimed; i++) {
    const rank = order[i] as number;
    if (rank < kept) low += byRank[rank] as number;
  }
  const high = low + (byRank[claimed] as number);
  const distance = u < low ? low - u : u - high + 1;
  const most = Math.min(REACH, kept, set.count - kept);
  let reach = 0;
  for (let places = 1; places <= most; places++) {
    reach += byRank[kept - places] as number;
    const edge = apartOf(cut, kept - places, kept + places - 1);
    if (!(edge < gap)) return gap;
    if (distance <= reach) return edge;
  }
  return gap;
}
