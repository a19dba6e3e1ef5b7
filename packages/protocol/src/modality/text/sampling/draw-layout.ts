import { weighBorder } from './filter-edge.ts';
import { TAIL_RANK, WEIGHT_ONE } from './sampler.ts';

/** Candidates that some movement would keep. They are laid out in id order, the tail last. */
export interface KeptSet {
  /** Ranks of all listed candidates in ascending order of id. Ranks that are not kept are skipped. */
  order: Uint8Array;
  count: number;
  byRank: Float64Array;
  /** Number of first ranks that are kept. */
  kept: number;
  /** In units of `WEIGHT_ONE`. The kept weights times `scale` are the rest. */
  tail: number;
  scale: number;
}

/** The result of a layout for u: the rank whose interval contains it, its margin, and the claimed token's gap, in nats. */
export interface Layout {
  rank: number;
  margin: number;
  gap: number;
}

/** Finds the rank whose interval contains u, like `lay`, without the rest. */
export function findRank({ order, count, byRank, kept, tail, scale }: KeptSet, u: number): number {
  let cumulative = 0;
  let left = kept;
  for (let i = 0; i < count; i++) {
    const rank = order[i] as number;
    if (rank >= kept) continue;
    left--;
    cumulative = left === 0 && tail === 0 ? WEIGHT_ONE : cumulative + (byRank[rank] as number) * scale;
    if (u < cumulative) return rank;
  }
  return TAIL_RANK;
}

/**
 * Lays out a set.
 * @param u 0..2^24-1.
 * @param claimed rank of the claimed token, or -1 if it is not listed. A token that was cut has no interval.
 * @param out overwritten.
 */
export function lay(set: KeptSet, u: number, claimed: number, out: Layout): void {
  const { order, count, byRank, kept, tail, scale } = set;
  const share = tail / WEIGHT_ONE;
  let squares = share * share;
  for (let rank = 0; rank < kept; rank++) {
    const mass = ((byRank[rank] as number) * scale) / WEIGHT_ONE;
    squares += mass * mass;
  }
  out.rank = TAIL_RANK;
  out.gap = Number.POSITIVE_INFINITY;
  let cumulative = 0;
  let below = 0;
  let left = kept;
  let isFound = false;
  let isOpen = claimed < kept;
  for (let i = 0; i <= count && (isOpen || !isFound); i++) {
    const isTail = i === count;
    const rank = isTail ? TAIL_RANK : (order[i] as number);
    if (rank >= kept) continue;
    left--;
    const low = cumulative;
    const lowSquares = below;
    const units = isTail ? WEIGHT_ONE - cumulative : (byRank[rank] as number) * scale;
    cumulative = isTail || (left === 0 && tail === 0) ? WEIGHT_ONE : cumulative + units;
    const mass = units / WEIGHT_ONE;
    below += mass * mass;
    if (!isFound && (u < cumulative || isTail)) {
      isFound = true;
      out.rank = rank;
      const down = toNats(u - low + 1, low, lowSquares, squares);
      out.margin = Math.min(down, toNats(cumulative - u, cumulative, below, squares));
    }
    if (rank !== claimed) continue;
    isOpen = false;
    if (u < low) out.gap = toNats(low - u, low, lowSquares, squares);
    else out.gap = u >= cumulative ? toNats(u - cumulative + 1, cumulative, below, squares) : 0;
  }
}

function toNats(distance: number, border: number, below: number, squares: number): number {
  if (border <= 0 || border >= WEIGHT_ONE) return Number.POSITIVE_INFINITY;
  return distance / WEIGHT_ONE / weighBorder(border / WEIGHT_ONE, below, squares - below);
}
