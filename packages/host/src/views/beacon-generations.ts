import type { BeaconKeysReading, ListedEra } from '@ogong/chain/validators/beacon-keys';
import { fromHex } from '@ogong/protocol/base/bytes';
import type { BeaconGeneration } from '@ogong/protocol/beacon/threshold/threshold-value';

const decoded = new WeakMap<BeaconKeysReading['generations'], readonly BeaconGeneration[]>();

/**
 * Returns the keys of the threshold beacon, as readers of values take them. A validator asks many times a second, so each reading is
 * decoded once.
 */
export function toGenerations({ generations }: Pick<BeaconKeysReading, 'generations'>): readonly BeaconGeneration[] {
  const known = decoded.get(generations);
  if (known !== undefined) return known;
  const made = generations.map(({ key, firstEpoch, lastEpoch }, i) => ({
    ...{ generation: i + 1, key: fromHex(key.slice(2), 48), firstEpoch, lastEpoch },
  }));
  decoded.set(generations, made);
  return made;
}

/** Finds the era whose shares sign an epoch of the threshold beacon. */
export function findEra(
  reading: Pick<BeaconKeysReading, 'eras'> | undefined,
  epoch: bigint,
): (ListedEra & { readonly era: number }) | undefined {
  const at = reading?.eras.findLastIndex(({ firstEpoch }) => firstEpoch <= epoch) ?? -1;
  const found = reading?.eras[at];
  return found && { ...found, era: at + 1 };
}
