import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createTableFile } from '@ogong/host/drift-table/table-file';
import type { DistanceRow } from '@ogong/protocol/modality/text/drift/distance-rows';
import { describe, expect, it } from 'vitest';
import { addRows, mergeTables, succeed } from './combine-tables.ts';

const rowOf = (verifierClass: string, replies = 50, codeVersion = 'old'): DistanceRow => ({
  ...{ modelRoot: new Uint8Array(32).fill(1), providerClass: 'a', verifierClass, codeVersion, replies },
  largest: [{ name: 'output', value: 1e-5 }],
});
const tableOf = (...distances: DistanceRow[]) => ({ ...succeed(undefined), families: [], rows: [], distances });
const fileOf = (...distances: DistanceRow[]) => createTableFile(crypto, tableOf(...distances));

describe('rows of distances', () => {
  it('of a new table take the place of those before, and the others stay', () => {
    const before = fileOf(rowOf('b'), rowOf('c'));
    const next = { ...tableOf(rowOf('c', 50, 'new'), rowOf('d')), ...succeed(before) };
    const { version, distances } = addRows(before, next);
    expect(version).toBe(2);
    expect(distances).toEqual([rowOf('b'), rowOf('c', 50, 'new'), rowOf('d')]);
    expect(addRows(createTableFile(crypto, { ...succeed(undefined), families: [], rows: [] }), next).distances).toEqual(
      next.distances,
    );
  });

  it('of several tables are joined, and the one with more replies is taken', () => {
    const files = [fileOf(rowOf('c')), fileOf(rowOf('b'), rowOf('c', 60)), fileOf(rowOf('c', 55))] as const;
    expect(mergeTables([...files]).distances).toEqual([rowOf('b'), rowOf('c', 60)]);
  });
});
