import type { VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import type { ReceiptVerdict } from '@ogong/sdk';
import { expect, it } from 'vitest';
import { readChain } from './read-chain.ts';

type Cohort = NonNullable<ReceiptVerdict['cohort']>;
const shard = (firstLayer: number, layers: number, pricePer1kAtomic: string): Cohort['shards'][number] => ({
  ...{ firstLayer, layers, pricePer1kAtomic, numericClass: 'cpu', isLeader: false },
  ...{ providerId: `${firstLayer}`.repeat(64), payee: `0x${'00'.repeat(20)}` },
});
const root = { positions: 6, root: '81'.repeat(32) };

it('reads the shards of a receipt with layers, part of the price, and the state of each root', () => {
  const shards = [
    { ...shard(0, 3, '30'), boundary: { ...root, isSigned: true } },
    { ...shard(3, 4, '50'), boundary: { ...root, isSigned: false } },
    shard(7, 1, '0'),
    { ...shard(8, 2, '20'), isLeader: true },
  ];
  const chain = readChain({ manifestHash: '', shards });
  expect(chain.map(({ layers, sharePercent, root: state }) => [layers, sharePercent, state])).toEqual([
    ['layers 0 to 2', 30, 'signed'],
    ['layers 3 to 6', 50, 'not signed'],
    ['layer 7', 0, 'missing'],
    ['layers 8 to 9', 20, 'leads'],
  ]);
  expect(chain.some(({ isCulprit }) => isCulprit)).toBe(false);
});

it('reads the shards and the culprit from the log, if there is no receipt', () => {
  const entry: Pick<VerdictEntry, 'shards' | 'culprit'> = {
    shards: [0, 5].map((firstLayer) => ({
      ...{ firstLayer, layers: 5, pricePer1kAtomic: 0n, payee: new Uint8Array(20) },
      providerId: new Uint8Array(32).fill(firstLayer),
    })),
    culprit: 0,
  };
  expect(readChain(undefined, entry)).toMatchObject([
    { layers: 'layers 0 to 4', providerId: '00'.repeat(32), root: 'unknown', sharePercent: 0, isCulprit: true },
    { layers: 'layers 5 to 9', providerId: '05'.repeat(32), root: 'leads', isCulprit: false },
  ]);
});

it('reads none for a reply that one provider served alone', () => {
  expect(readChain(undefined)).toEqual([]);
});
