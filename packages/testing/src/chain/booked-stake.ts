/** What somebody put down, and what of it is on its way out. */
export interface BookedStake {
  amount: bigint;
  leaving: bigint;
  leavesAt: bigint;
}

/** What somebody put down, in one of a book's maps. */
export function stakeIn(map: Map<string, BookedStake>, key: string): BookedStake {
  const found = map.get(key) ?? { amount: 0n, leaving: 0n, leavesAt: 0n };
  map.set(key, found);
  return found;
}
