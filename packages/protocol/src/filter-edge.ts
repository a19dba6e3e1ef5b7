import { type SamplerSettings, WEIGHT_ONE, type Weights } from './sampler.ts';

/**
 * Movement of a border at cumulative mass c when every candidate's log-probability moves by one nat of its own: with q the
 * sum of squared masses below it and rest above, sqrt((1 - c)^2 q + c^2 rest).
 */
export function weighBorder(below: number, squaresBelow: number, squaresAbove: number): number {
  return Math.sqrt((1 - below) ** 2 * squaresBelow + below ** 2 * Math.max(squaresAbove, 0));
}

/**
 * Least movement of unfiltered masses, nats, that makes the filters keep `kept` instead of `now`
 * candidates; infinite where none does.
 */
export function measureEdge(
  plain: Weights,
  { kept, now, count }: { readonly kept: number; readonly now: number; readonly count: number },
  settings: SamplerSettings,
): number {
  const w = plain.byRank;
  // The list with its tail stands or falls with the last listed.
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
      // No movement brings a tail past a count.
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

/** Movement of two masses, nats, that brings the smaller up to the larger: to first order, relative to the smaller. */
function apart(larger: number, smaller: number): number {
  return (larger - smaller) / (smaller * Math.SQRT2);
}
