const RANK_OFFSET = 60;

/**
 * Reciprocal rank fusion: each order gives 1 / (60 + rank), from rank 1.
 * @returns the ids of all orders, best first. Equal scores stay in the order in which they came.
 */
export function fuseRanks(
  orders: readonly (readonly string[])[],
): readonly { readonly id: string; readonly score: number }[] {
  const scores = new Map<string, number>();
  for (const order of orders)
    order.forEach((id, index) => {
      scores.set(id, (scores.get(id) ?? 0) + 1 / (RANK_OFFSET + index + 1));
    });
  return [...scores].map(([id, score]) => ({ id, score })).sort((a, b) => b.score - a.score);
}
