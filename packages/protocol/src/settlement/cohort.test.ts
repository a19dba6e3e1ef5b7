import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import vectors from '../../vectors/cohort.json' with { type: 'json' };
import { fromHex, toHex } from '../base/bytes.ts';
import { hashBlind } from '../commitment/blinds.ts';
import { nobleCrypto } from '../crypto/noble.ts';
import { type CohortShard, splitCohort, sumPrices } from './cohort.ts';
import { encodeCohortAgreement, encodeCohortTerms, listShards, parseCohortAgreement } from './cohort-agreement.ts';
import { createCohortLines } from './cohort-lines.ts';

const router = new Uint8Array(20).fill(7);
/** Shards of one layer with these prices, unless changed. */
const createShards = (prices: readonly bigint[]): CohortShard[] =>
  prices.map((pricePer1kAtomic, i) => ({
    ...{ providerId: new Uint8Array(32).fill(i + 1), payee: new Uint8Array(20).fill(i + 1) },
    ...{ firstLayer: i, layers: 1, pricePer1kAtomic },
  }));
const fees = fc.bigInt(0n, 2n ** 120n);
const cohorts = fc.array(fc.bigInt(0n, 2n ** 100n), { minLength: 1, maxLength: 64 }).map(createShards);

describe('the fee of a cohort', () => {
  it('is split as in the vectors', () => {
    for (const { fee, shards, amounts } of vectors.splits) {
      const priced = shards.map((shard) => ({ ...shard, pricePer1kAtomic: BigInt(shard.pricePer1kAtomic) }));
      expect(splitCohort(BigInt(fee), priced).map(String)).toEqual(amounts);
    }
  });

  it('is split to the unit, and only the leader gets more than its price', () => {
    fc.assert(
      fc.property(fees, cohorts, (fee, shards) => {
        const amounts = splitCohort(fee, shards);
        const total = sumPrices(shards);
        expect(amounts.reduce((sum, amount) => sum + amount, 0n)).toBe(fee);
        for (const [i, amount] of amounts.entries()) {
          const due = fee * (shards[i]?.pricePer1kAtomic ?? 0n);
          if (i < shards.length - 1) expect(amount * total <= due).toBe(true);
          if (total > 0n) expect(amount * total > due - total).toBe(true);
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
    const shards = createShards([4n, 4n]);
    expect(() => createCohortLines({ feeAtomic: 100_000n, router, amounts }, shards)).toThrow();
    expect(createCohortLines({ feeAtomic: 100_000n, router, amounts: [50_000n, 50_000n] }, shards)).toHaveLength(2);
  });

  it('is refused if the layers do not tile the model', () => {
    const [first, second] = createShards([4n, 4n]) as [CohortShard, CohortShard];
    for (const shards of [
      [],
      [second],
      [second, first],
      [first, { ...second, firstLayer: 0 }],
      [first, { ...second, firstLayer: 2 }],
      [first, { ...second, layers: 0 }],
      [first, { ...second, layers: 0.5 }],
      createShards(Array<bigint>(65).fill(1n)),
    ]) {
      expect(() => splitCohort(1n, shards)).toThrow(expect.objectContaining({ code: 'malformed' }));
    }
    expect(() => splitCohort(-1n, [first])).toThrow(expect.objectContaining({ code: 'out-of-range' }));
    const negative = [{ ...first, pricePer1kAtomic: -1n }, second];
    expect(() => splitCohort(1n, negative)).toThrow(expect.objectContaining({ code: 'out-of-range' }));
  });

  it('is one line for a provider with two shards, and none for a shard of zero', () => {
    const [first, second, third] = createShards([1n, 1n, 1n]) as [CohortShard, CohortShard, CohortShard];
    const { providerId, payee } = first;
    const twice = [first, second, { ...third, providerId, payee }];
    const lines = createCohortLines({ feeAtomic: 9n, router, amounts: [4n, 0n, 5n] }, twice);
    expect(lines).toEqual([{ providerId, payee, router, gross: 9n, fine: 0n, modelRoot: new Uint8Array(32) }]);
  });
});

/** Index of the count of members, behind the tag, ledger, order, manifest, model, link and blind. */
const COUNT_AT = 'ogong-cohort-word-v1\n'.length + 8 + 20 + 5 * 32;
/** Index of the first letter of the first member's class. */
const CLASS_AT = COUNT_AT + 1 + 32 + 20 + 2 + 2 + 16 + 2;

describe('the agreement of a cohort', () => {
  const fill = (size: number, byte: number): Uint8Array => new Uint8Array(size).fill(byte);
  const numericClass = 'llama.cpp-0.5.0/cpu/haswell/exact/q8_0/kv-f16';
  const terms = {
    ...{ chainId: 31_337n, escrow: fill(20, 7), orderHash: fill(32, 11), manifestHash: fill(32, 12) },
    ...{
      modelRoot: fill(32, 8),
      leaderLink: fill(32, 13),
      blindHash: hashBlind(nobleCrypto, fromHex(vectors.agreement.blind)),
    },
    members: [
      { providerId: fill(32, 1), payee: fill(20, 2), firstLayer: 0, layers: 3, pricePer1kAtomic: 900n },
      { providerId: fill(32, 3), payee: fill(20, 4), firstLayer: 3, layers: 5, pricePer1kAtomic: 100n },
    ].map((shard, i) => ({ ...shard, numericClass, sessionKey: fill(32, 9 + i) })),
  };
  const signatures = [5, 6].map((byte) => ({ publicKey: fill(1_344, byte), signature: fill(2_484, byte) }));

  it('has the bytes of the vectors', () => {
    expect(toHex(encodeCohortTerms(terms))).toBe(vectors.agreement.terms);
    const agreement = encodeCohortAgreement({ terms, signatures });
    expect(agreement).toHaveLength(vectors.agreement.agreementBytes);
    expect(toHex(nobleCrypto.sha256(agreement))).toBe(vectors.agreement.agreementSha256);
    expect(parseCohortAgreement(agreement)).toEqual({ terms, signatures });
    expect(listShards(terms)[1]).toEqual({
      ...{ providerId: fill(32, 3), payee: fill(20, 4), firstLayer: 3, layers: 5, pricePer1kAtomic: 100n },
    });
  });

  it('has room for as many shards as the log, in classes with the longest names', () => {
    const [member, signature] = [terms.members[0], signatures[0]];
    if (member === undefined || signature === undefined) throw new TypeError('the terms have members');
    const most = { ...terms, members: Array(64).fill({ ...member, numericClass: 'c'.repeat(255) }) };
    const agreement = encodeCohortAgreement({ terms: most, signatures: Array(64).fill(signature) });
    expect(parseCohortAgreement(agreement).terms.members).toHaveLength(64);
  });

  it.each([
    ['cut', (bytes: Uint8Array) => bytes.subarray(0, -1)],
    ['longer', (bytes: Uint8Array) => new Uint8Array([...bytes, 0])],
    ['of another format', (bytes: Uint8Array) => bytes.subarray(2)],
    ['of too many shards', (bytes: Uint8Array) => bytes.map((byte, i) => (i === COUNT_AT ? 65 : byte))],
    ['of a class that is no plain text', (bytes: Uint8Array) => bytes.map((byte, i) => (i === CLASS_AT ? 10 : byte))],
  ])('does not parse if it is %s', (_, bend) => {
    const agreement = encodeCohortAgreement({ terms, signatures });
    expect([agreement[COUNT_AT], agreement[CLASS_AT]]).toEqual([2, 'l'.charCodeAt(0)]);
    expect(() => parseCohortAgreement(bend(agreement))).toThrow();
  });
});
