import { type Filter, MAX_LISTED, type SamplerSettings, WEIGHT_ONE, type Weights } from './sampler.ts';

/**
 * Computes the movement of a border at cumulative mass c when every candidate's log-probability moves independently by one nat.
 * With q the sum of squared masses below it and rest above, it is sqrt((1 - c)^2 q + c^2 rest).
 */
export function weighBorder(below: number, squaresBelow: number, squaresAbove: number): number {
  return Math.sqrt((1 - below) ** 2 * squaresBelow + below ** 2 * Math.max(squaresAbove, 0));
}

/** Kept sets that are measured together. */
export interface Edges {
  /** Number of sets. */
  length: number;
  /** Number of candidates in each set, at least 1. The whole list with its tail counts one more than the list. */
  readonly kept: Uint8Array;
  /** Nats. */
  readonly nats: Float64Array;
}

export const createEdges = (most: number): Edges => ({
  length: 0,
  kept: new Uint8Array(most),
  nats: new Float64Array(most),
});

const cumulative = new Float64Array(MAX_LISTED);
const squaresTo = new Float64Array(MAX_LISTED);

/**
 * Measures the least movements of unfiltered masses, nats, after which the filters keep another set than the one of `now`
 * candidates. Infinite if no movement does that, NaN between masses of zero.
 * @param plain weights before the filters, by rank, of `count` listed candidates.
 */
export function measureEdges(
  plain: Weights,
  { now, count }: { readonly now: number; readonly count: number },
  settings: SamplerSettings,
  { length, kept, nats }: Edges,
): void {
  const w = plain.byRank;
  for (let i = 0; i < length; i++) nats[i] = (kept[i] as number) > now ? 0 : Number.POSITIVE_INFINITY;
  const grow = (i: number, by: number): void => {
    nats[i] = Math.max(nats[i] as number, by);
  };
  const shrink = (i: number, by: number): void => {
    nats[i] = Math.min(nats[i] as number, by);
  };
  let size = count;
  let outside = plain.tail;
  for (const filter of settings.filterOrder) {
    if (isOff(filter, settings, count)) continue;
    let total = outside;
    for (let rank = 0; rank < size; rank++) total += w[rank] as number;
    const before = size;
    if (filter === 'top-k') {
      const isCut = settings.topK <= before;
      if (isCut) size = settings.topK;
      for (let i = 0; i < length; i++) {
        const set = kept[i] as number;
        // No movement makes a filter by count keep the tail.
        if (set > count) grow(i, Number.POSITIVE_INFINITY);
        else if (isCut && set > size && set > now) {
          grow(i, apart((w[size - 1] as number) / total, (w[set - 1] as number) / total));
        }
      }
      if (isCut) outside = 0;
    } else if (filter === 'top-p') {
      const limit = settings.topPQ24 / WEIGHT_ONE;
      let squares = (outside / total) ** 2;
      let sum = 0;
      let sumOfSquares = 0;
      for (let rank = 0; rank < before; rank++) {
        const share = (w[rank] as number) / total;
        squares += share * share;
        sum += share;
        sumOfSquares += share * share;
        cumulative[rank] = sum;
        squaresTo[rank] = sumOfSquares;
      }
      for (let i = 0; i < length; i++) {
        const set = kept[i] as number;
        const at = set > now ? set - 2 : set - 1;
        if (at < 0 || at >= before) continue;
        const mass = cumulative[at] as number;
        const border = weighBorder(mass, squaresTo[at] as number, squares - (squaresTo[at] as number));
        if (set > now) grow(i, (mass - limit) / border);
        else shrink(i, Math.max(0, limit - mass) / border);
      }
      for (let rank = 0; rank < before && size === before; rank++) {
        if ((cumulative[rank] as number) >= limit) size = rank + 1;
      }
    } else {
      const threshold = settings.minPQ24 / WEIGHT_ONE;
      while (size > 1 && (w[size - 1] as number) < threshold * (w[0] as number)) size--;
      const least = threshold * ((w[0] as number) / total);
      for (let i = 0; i < length; i++) {
        const set = kept[i] as number;
        // The tail is kept only together with the last listed candidate.
        if (set > now) grow(i, apart(least, (w[Math.min(set, count) - 1] as number) / total));
        else if (set < before) shrink(i, Math.max(0, apart((w[set] as number) / total, least)));
      }
    }
    if (size < before) outside = 0;
  }
}

const isOff = (filter: Filter, { topK, topPQ24, minPQ24 }: SamplerSettings, count: number): boolean =>
  filter === 'top-k' ? topK === 0 || topK > count : filter === 'top-p' ? topPQ24 >= WEIGHT_ONE : minPQ24 === 0;

/** Computes the movement of two masses, nats, that makes them equal: to first order, relative to the smaller. */
function apart(larger: number, smaller: number): number {
  return (larger - smaller) / (smaller * Math.SQRT2);
}
