/**
 * Returns whether the contract takes a batch (docs/spec/earnings.md, "Bonds behind what has not vested"). All unvested
 * payments, with this batch, may be at most half the votes of its signers. Atomic units.
 * @internal the contract enforces it; the simulator and tests use it as well
 */
export const isBacked = (unvestedAtomic: bigint, signedVotes: bigint): boolean => 2n * unvestedAtomic <= signedVotes;

/** Computes the room for further batches under these votes, never below 0. @param unvestedAtomic of the batches so far */
export function computeRoom(unvestedAtomic: bigint, votes: bigint): bigint {
  const room = votes / 2n - unvestedAtomic;
  return room > 0n ? room : 0n;
}
