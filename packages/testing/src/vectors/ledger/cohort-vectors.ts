import { toHex } from '@ogong/protocol/base/bytes';
import { hashBlind } from '@ogong/protocol/commitment/blinds';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { splitCohort } from '@ogong/protocol/settlement/cohort';
import { encodeCohortAgreement, encodeCohortTerms } from '@ogong/protocol/settlement/cohort-agreement';

/** Fees and the prices of each shard: even, uneven, with a rest, less than a unit for each, and prices of 0. */
const CASES: readonly (readonly [bigint, readonly bigint[]])[] = [
  [90_000n, [10n, 10n, 10n]],
  [100_000n, [1n, 2n, 4n]],
  [86_001n, [160n, 16n, 7n, 1n]],
  [123_456_789_012_345_678n, [11_000_003n, 13n, 8n]],
  [1_000n, [32n]],
  [3n, [5n, 5n, 5n, 5n]],
  [1_001n, [9n, 0n, 4n]],
  [7n, [0n, 0n]],
];

/** Payments of the shards of a cohort, and the bytes of an agreement: `vectors/cohort.json`. */
export function createCohortVectors(crypto: Crypto): Readonly<Record<string, unknown>> {
  return {
    agreement: agreementVector(crypto),
    splits: CASES.map(([fee, prices]) => {
      // Layers do not decide about the parts.
      const shards = prices.map((pricePer1kAtomic, firstLayer) => ({ firstLayer, layers: 1, pricePer1kAtomic }));
      return {
        fee: `${fee}`,
        shards: shards.map((shard) => ({ ...shard, pricePer1kAtomic: `${shard.pricePer1kAtomic}` })),
        amounts: splitCohort(fee, shards).map(String),
      };
    }),
  };
}

/** The bytes that each member signs, and the hash of an agreement whose signatures are filled bytes. */
function agreementVector(crypto: Crypto) {
  const fill = (size: number, byte: number): Uint8Array => new Uint8Array(size).fill(byte);
  const numericClass = 'llama.cpp-0.5.0/cpu/haswell/exact/q8_0/kv-f16';
  const members = [
    { providerId: fill(32, 1), payee: fill(20, 2), firstLayer: 0, layers: 3, pricePer1kAtomic: 900n },
    { providerId: fill(32, 3), payee: fill(20, 4), firstLayer: 3, layers: 5, pricePer1kAtomic: 100n },
  ].map((shard, i) => ({ ...shard, numericClass, sessionKey: fill(32, 9 + i) }));
  const named = { chainId: 31_337n, escrow: fill(20, 7), orderHash: fill(32, 11), manifestHash: fill(32, 12) };
  const blind = fill(32, 14);
  const blindHash = hashBlind(crypto, blind);
  const terms = { ...named, modelRoot: fill(32, 8), leaderLink: fill(32, 13), blindHash, members };
  const signatures = [5, 6].map((byte) => ({ publicKey: fill(1_344, byte), signature: fill(2_484, byte) }));
  const agreement = encodeCohortAgreement({ terms, signatures });
  return {
    blind: toHex(blind),
    terms: toHex(encodeCohortTerms(terms)),
    signatures: 'keys and signatures of the shards are 1,344 and 2,484 bytes of 5, and of 6',
    agreementBytes: agreement.length,
    agreementSha256: toHex(crypto.sha256(agreement)),
  };
}
