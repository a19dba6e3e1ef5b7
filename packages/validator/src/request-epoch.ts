import type { BeaconArchive } from './beacon/beacon-archive.ts';

export interface EpochRequests {
  readonly archive: Pick<BeaconArchive, 'latest' | 'find'>;
  /** The beacon takes the epochs from this set. */
  readonly wanted: Set<bigint>;
}

/** Most requested epochs at a time. Strangers may ask too, so the limit bounds the cost. */
const MOST_REQUESTED = 4;

/**
 * Requests the signing of a past epoch that has no value here. Such an epoch was skipped while the network stood still.
 */
export function requestEpoch({ archive, wanted }: EpochRequests, epoch: bigint): void {
  if (epoch >= archive.latest().epoch || wanted.size >= MOST_REQUESTED || archive.find(epoch) !== undefined) return;
  wanted.add(epoch);
}
