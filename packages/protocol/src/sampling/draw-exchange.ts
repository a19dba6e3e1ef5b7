import { findRank, type KeptSet, type Layout, lay } from './draw-layout.ts';
import { MAX_LISTED } from './sampler.ts';

/**
 * Where a filter cut the list, the order at its edge is what the least drift changes: a kept candidate gives its place and
 * its weight to one that was cut, whatever the filter (docs/spec/stage-2.md).
 */
export interface CutList {
  /** The verifier's own; left as it was. */
  readonly set: KeptSet;
  /** Processed, by rank, of all listed candidates. */
  readonly costs: Float64Array;
  /** 0..2^24-1. */
  readonly u: number;
  readonly temperatureQ16: number;
}

/** Ranks on either side of the edge that are tried: in a flat list all of them could be, which costs more than it says. */
const REACH = 8;

const swapped = new Uint8Array(MAX_LISTED);
const layout: Layout = { rank: 0, margin: 0, gap: 0 };

/** Nats at the temperature that bring two candidates to one log-probability; `out` is the likelier one. */
const apartOf = ({ costs, temperatureQ16 }: CutList, out: number, into: number): number =>
  Math.max(0, (costs[into] as number) - (costs[out] as number)) / temperatureQ16 / Math.SQRT2;

/** The set's order with two ranks changed round: what stands at the rank `out` is then the other candidate. */
function exchange({ order, count }: KeptSet, out: number, into: number): Uint8Array {
  for (let i = 0; i < count; i++) {
    const rank = order[i] as number;
    swapped[i] = rank === into ? out : rank === out ? into : rank;
  }
  return swapped;
}

/** @returns the smaller of `margin` and the exchange of the last kept for the next one, where that draws another token; nats. */
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

/** In a flat list several change places at once: together they move every border by up to what they weigh. */
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
