import type { NetworkModel } from '@ogong/protocol/network/network-document';
import { createSyntheticNetwork } from '@ogong/testing/synthetic/synthetic-network';
import { expect, it } from 'vitest';
import { rankModels } from './rank-models.ts';

const [small] = createSyntheticNetwork().models as readonly [NetworkModel];
const GB = 1e9;
const rank = (changes: readonly (Partial<NetworkModel> & { readonly sizeBytes?: number })[], memoryBytes = 10 * GB) =>
  rankModels(
    changes.map(({ sizeBytes, ...change }, i) => ({
      model: { ...small, id: `ogong/verified/acme/m${i}`, ...change },
      sizeBytes,
    })),
    { memoryBytes },
  );
const namesOf = (ranked: ReturnType<typeof rank>): string[] => ranked.map(({ model }) => model.id.slice(-2));

it('computes the earnings of an hour from price, speed and load', () => {
  const [first] = rank([{ pricePer1kAtomic: 1_000n, milliTokensPerSecond: 20_000, slots: 4, freeSlots: 1 }]);
  // 20 tokens a second are 72 times 1,000 tokens in an hour; three of four places are busy.
  expect(first).toMatchObject({ mostPerHourAtomic: 72_000n, perHourAtomic: 54_000n, problem: undefined });
});

it('ranks by load, then by demand, then by what is possible', () => {
  const idle = { slots: 4, freeSlots: 4 };
  expect(
    namesOf(
      rank([
        idle,
        { ...idle, milliDemand: 5 },
        { ...idle, pricePer1kAtomic: 2n * small.pricePer1kAtomic },
        { slots: 4, freeSlots: 2 },
      ]),
    ),
  ).toEqual(['m3', 'm1', 'm2', 'm0']);
});

it('knows no earnings where no speed was measured', () => {
  expect(rank([{ milliTokensPerSecond: 0 }, { slots: 0, freeSlots: 0 }])).toMatchObject([
    { perHourAtomic: 0n },
    { perHourAtomic: 0n },
  ]);
});

it.each<[RegExp, Partial<NetworkModel> & { readonly sizeBytes?: number }]>([
  [/shows what it runs/, { id: 'ogong/tee/acme/m0' }],
  [/nobody serves it/, { modelRoot: new Uint8Array(32) }],
  [/where its weights are/, { source: '' }],
  [/nobody can verify/, { verifiers: 0 }],
  [/take 9\.0 GB, and 10\.0 GB are free/, { sizeBytes: 9 * GB }],
])('names a problem: %s', (problem, change) => {
  const ranked = rank([{ ...change }, { slots: 4, freeSlots: 4 }]);
  expect(ranked[1]?.problem).toMatch(problem);
  expect(ranked[0]?.problem).toBeUndefined();
});
