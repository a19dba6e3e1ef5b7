/**
 * Whether the contract takes a batch (docs/spec/earnings.md, "Bonds behind what has not vested"): what it and earlier ones came to, and
 * has not vested, is at most half the votes of those who signed. Atomic units.
 * @internal the contract holds it; the simulator and tests do as well
 */
export const isBacked = (unvestedAtomic: bigint, signedVotes: bigint): boolean => 2n * unvestedAtomic <= signedVotes;

/** What batches may still come to under these votes, never below 0. @param unvestedAtomic of the batches so far */
export function computeRoom(unvestedAtomic: bigint, votes: bigint): bigint {
  const room = votes / 2n - unvestedAtomic;
  return room > 0n ? room : 0n;
}
