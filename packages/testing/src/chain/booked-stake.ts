/** A stake, and the part of it that is leaving. */
export interface BookedStake {
  amount: bigint;
  leaving: bigint;
  leavesAt: bigint;
}

/** Returns the stake under a key, and creates it if there is none. */
export function stakeIn(map: Map<string, BookedStake>, key: string): BookedStake {
  const found = map.get(key) ?? { amount: 0n, leaving: 0n, leavesAt: 0n };
  map.set(key, found);
  return found;
}
