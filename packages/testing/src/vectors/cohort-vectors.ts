import { splitCohort } from '@ogong/protocol/settlement/cohort';

/** Fees and the layers of each shard: even, uneven, with a rest, of one shard, and with less than a unit for each. */
const CASES: readonly (readonly [bigint, readonly number[]])[] = [
  [90_000n, [10, 10, 10]],
  [100_000n, [1, 2, 4]],
  [86_001n, [16, 16, 7, 1]],
  [123_456_789_012_345_678n, [11, 13, 8]],
  [1_000n, [32]],
  [3n, [5, 5, 5, 5]],
];

/** What each shard of a cohort is paid: `vectors/cohort.json`. */
export function createCohortVectors(): Readonly<Record<string, unknown>> {
  return {
    splits: CASES.map(([fee, layers]) => {
      let firstLayer = 0;
      const shards = layers.map((count) => {
        const shard = { firstLayer, layers: count };
        firstLayer += count;
        return shard;
      });
      return { fee: `${fee}`, shards, amounts: splitCohort(fee, shards).map(String) };
    }),
  };
}
