/** One of each group in the order given, then a second of each, and so on. */
export function takeTurns<T>(items: readonly T[], groupOf: (item: T) => string): readonly T[] {
  const counts = new Map<string, number>();
  const turns = items.map((item) => {
    const group = groupOf(item);
    const turn = counts.get(group) ?? 0;
    counts.set(group, turn + 1);
    return { item, turn };
  });
  // Stable, so each turn keeps the order.
  return turns.sort((a, b) => a.turn - b.turn).map(({ item }) => item);
}
