import { toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { splitCohort } from '@ogong/protocol/settlement/cohort';
import { encodeCohortAgreement, encodeCohortTerms } from '@ogong/protocol/settlement/cohort-agreement';

/** Fees and the layers of each shard: even, uneven, with a rest, of one shard, and with less than a unit for each. */
const CASES: readonly (readonly [bigint, readonly number[]])[] = [
  [90_000n, [10, 10, 10]],
  [100_000n, [1, 2, 4]],
  [86_001n, [16, 16, 7, 1]],
  [123_456_789_012_345_678n, [11, 13, 8]],
  [1_000n, [32]],
  [3n, [5, 5, 5, 5]],
];

/** Payments of the shards of a cohort: `vectors/cohort.json`. */
export function createCohortVectors(crypto: Crypto): Readonly<Record<string, unknown>> {
  return {
    word: wordVector(crypto),
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

/** The bytes that each shard signs, and the hash of an agreement whose signatures are filled bytes. */
function wordVector(crypto: Crypto) {
  const fill = (size: number, byte: number): Uint8Array => new Uint8Array(size).fill(byte);
  const shards = [
    { providerId: fill(32, 1), payee: fill(20, 2), firstLayer: 0, layers: 3 },
    { providerId: fill(32, 3), payee: fill(20, 4), firstLayer: 3, layers: 5 },
  ];
  const named = { chainId: 31_337n, escrow: fill(20, 7), modelRoot: fill(32, 8), validUntilMs: 1_800_000_000_000 };
  const terms = { ...named, shards };
  const signatures = [5, 6].map((byte) => ({ publicKey: fill(1_344, byte), signature: fill(2_484, byte) }));
  const word = encodeCohortAgreement({ terms, signatures });
  return {
    terms: toHex(encodeCohortTerms(terms)),
    wordOf: 'keys and signatures of the shards are 1,344 and 2,484 bytes of 5, and of 6',
    wordBytes: word.length,
    wordSha256: toHex(crypto.sha256(word)),
  };
}
