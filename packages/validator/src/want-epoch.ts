import type { BeaconArchive } from './beacon/beacon-archive.ts';

export interface Wanting {
  readonly archive: Pick<BeaconArchive, 'latest' | 'find'>;
  /** The beacon takes them from here. */
  readonly wanted: Set<bigint>;
}

/** Strangers may ask, too: so few at a time bound what that costs. */
const MOST_WANTED = 4;

/** An epoch of the past that has no value here: it was passed over after the network had stood still. */
export function wantEpoch({ archive, wanted }: Wanting, epoch: bigint): void {
  if (epoch >= archive.latest().epoch || wanted.size >= MOST_WANTED || archive.find(epoch) !== undefined) return;
  wanted.add(epoch);
}
