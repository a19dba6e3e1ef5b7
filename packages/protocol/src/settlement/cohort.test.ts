import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import vectors from '../../vectors/cohort.json' with { type: 'json' };
import { toHex } from '../base/bytes.ts';
import { nobleCrypto } from '../crypto/noble.ts';
import { type CohortShard, splitCohort } from './cohort.ts';
import { encodeCohortAgreement, encodeCohortTerms, parseCohortAgreement } from './cohort-agreement.ts';
import { createCohortLines } from './cohort-lines.ts';

const router = new Uint8Array(20).fill(7);
const createShards = (layers: readonly number[]): CohortShard[] => {
  let firstLayer = 0;
  return layers.map((count, i) => {
    const shard = {
      ...{ providerId: new Uint8Array(32).fill(i + 1), payee: new Uint8Array(20).fill(i + 1) },
      ...{ firstLayer, layers: count },
    };
    firstLayer += count;
    return shard;
  });
};
const fees = fc.bigInt(0n, 2n ** 120n);
const cohorts = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 64 }).map(createShards);

describe('the fee of a cohort', () => {
  it('is split as in the vectors', () => {
    for (const { fee, shards, amounts } of vectors.splits) {
      expect(splitCohort(BigInt(fee), shards).map(String)).toEqual(amounts);
    }
  });

  it('is split to the unit, and only the leader gets more than its layers', () => {
    fc.assert(
      fc.property(fees, cohorts, (fee, shards) => {
        const amounts = splitCohort(fee, shards);
        const total = BigInt(shards.reduce((sum, { layers }) => sum + layers, 0));
        expect(amounts.reduce((sum, amount) => sum + amount, 0n)).toBe(fee);
        for (const [i, amount] of amounts.entries()) {
          const due = fee * BigInt(shards[i]?.layers ?? 0);
          if (i > 0) expect(amount * total <= due).toBe(true);
          expect(amount * total > due - total).toBe(true);
        }
        const lines = createCohortLines({ feeAtomic: fee, router, amounts }, shards);
        expect(lines.reduce((sum, { gross }) => sum + gross, 0n)).toBe(fee);
      }),
    );
  });

  it.each([
    ['a unit more', [50_001n, 50_000n]],
    ['a unit less', [49_999n, 50_000n]],
    ['one shard left out', [100_000n]],
    ['the whole fee twice', [100_000n, 100_000n]],
    ['a negative part beside too much', [100_001n, -1n]],
  ])('is refused with %s', (_, amounts) => {
    const shards = createShards([4, 4]);
    expect(() => createCohortLines({ feeAtomic: 100_000n, router, amounts }, shards)).toThrow();
    expect(createCohortLines({ feeAtomic: 100_000n, router, amounts: [50_000n, 50_000n] }, shards)).toHaveLength(2);
  });

  it('is refused if the layers do not tile the model', () => {
    const [first, second] = createShards([4, 4]) as [CohortShard, CohortShard];
    for (const shards of [
      [],
      [second],
      [second, first],
      [first, { ...second, firstLayer: 3 }],
      [first, { ...second, firstLayer: 5 }],
      [first, { ...second, layers: 0 }],
      [first, { ...second, layers: 0.5 }],
      createShards(Array(65).fill(1)),
    ]) {
      expect(() => splitCohort(1n, shards)).toThrow(expect.objectContaining({ code: 'malformed' }));
    }
    expect(() => splitCohort(-1n, [first])).toThrow(expect.objectContaining({ code: 'out-of-range' }));
  });

  it('is one line for a provider with two shards, and none for a shard of zero', () => {
    const [first, second, third] = createShards([1, 1, 1]) as [CohortShard, CohortShard, CohortShard];
    const { providerId, payee } = first;
    const twice = [first, second, { ...third, providerId, payee }];
    const lines = createCohortLines({ feeAtomic: 9n, router, amounts: [4n, 0n, 5n] }, twice);
    expect(lines).toEqual([{ providerId, payee, router, gross: 9n, fine: 0n, modelRoot: new Uint8Array(32) }]);
  });
});

describe('the agreement of a cohort', () => {
  const fill = (size: number, byte: number): Uint8Array => new Uint8Array(size).fill(byte);
  const terms = {
    ...{ chainId: 31_337n, escrow: fill(20, 7), modelRoot: fill(32, 8), validUntilMs: 1_800_000_000_000 },
    shards: [
      { providerId: fill(32, 1), payee: fill(20, 2), firstLayer: 0, layers: 3 },
      { providerId: fill(32, 3), payee: fill(20, 4), firstLayer: 3, layers: 5 },
    ],
  };
  const signatures = [5, 6].map((byte) => ({ publicKey: fill(1_344, byte), signature: fill(2_484, byte) }));

  it('has the bytes of the vectors', () => {
    expect(toHex(encodeCohortTerms(terms))).toBe(vectors.word.terms);
    const word = encodeCohortAgreement({ terms, signatures });
    expect(word).toHaveLength(vectors.word.wordBytes);
    expect(toHex(nobleCrypto.sha256(word))).toBe(vectors.word.wordSha256);
    expect(parseCohortAgreement(word)).toEqual({ terms, signatures });
  });

  it.each([
    ['cut', (word: Uint8Array) => word.subarray(0, -1)],
    ['longer', (word: Uint8Array) => new Uint8Array([...word, 0])],
    ['of another format', (word: Uint8Array) => word.subarray(2)],
    ['of too many shards', (word: Uint8Array) => word.map((byte, i) => (i === 89 ? 65 : byte))],
  ])('does not parse if it is %s', (_, bend) => {
    const word = encodeCohortAgreement({ terms, signatures });
    // The index of the count of shards.
    expect(word[89]).toBe(2);
    expect(() => parseCohortAgreement(bend(word))).toThrow();
  });
});
