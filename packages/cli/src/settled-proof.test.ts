import { formatJson } from '@ogong/host/lifecycle/print-json';
import { expect, it } from 'vitest';
import { describeEntry } from './settled-proof.ts';

const fill = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
const shards = [0, 3].map((firstLayer, place) => ({
  ...{ providerId: fill(32, place), payee: fill(20, place), firstLayer, layers: 3, pricePer1kAtomic: 1n },
}));
const entry = {
  ...{
    verdict: 'reject' as const,
    feeAtomic: 0n,
    fineAtomic: 60n,
    payer: fill(20, 7),
    payee: fill(20, 8),
    router: fill(20, 9),
  },
  ...{ providerId: fill(32, 1), shards },
};
const describe = (culprit: number | undefined): unknown => JSON.parse(formatJson(describeEntry({ ...entry, culprit })));

it('names the shard that an entry rejects in JSON, with its place, key and layers', () => {
  const culprit = { place: 1, providerId: '01'.repeat(32), firstLayer: 3, layers: 3 };
  expect(describe(1)).toMatchObject({ verdict: 'reject', culprit });
  expect(describe(undefined)).not.toHaveProperty('culprit');
});
