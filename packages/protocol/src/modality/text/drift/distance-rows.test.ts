import { describe, expect, it } from 'vitest';
import { toHex } from '../../../base/bytes.ts';
import type { DistanceRow } from './distance-rows.ts';
import type { DriftTable } from './drift-table.ts';
import { encodeDriftTable, parseDriftTable } from './drift-table-bytes.ts';
import { diffDriftTables } from './drift-table-diff.ts';

const row: DistanceRow = {
  modelRoot: new Uint8Array(32).fill(7),
  ...{ providerClass: 'a', verifierClass: 'b', codeVersion: 'test', replies: 50 },
  largest: [
    { name: 'one', value: 0 },
    { name: 'two', value: 1e-5 },
  ],
};
const bare: DriftTable = { version: 1, previous: new Uint8Array(32), families: [], rows: [] };

describe('rows of distances', () => {
  it('stand behind the rows of texts, and a table without them ends before', () => {
    const table = { ...bare, distances: [row, { ...row, verifierClass: 'c' }] };
    expect(parseDriftTable(encodeDriftTable(table))).toEqual(table);
    expect(parseDriftTable(encodeDriftTable(bare))).toEqual(bare);
    expect(toHex(encodeDriftTable(table))).toContain(toHex(encodeDriftTable(bare)));
  });

  it.each<[string, readonly DistanceRow[]]>([
    ['an empty list', []],
    ['rows out of order', [{ ...row, verifierClass: 'c' }, row]],
    ['a row twice', [row, row]],
    ['too few replies', [{ ...row, replies: 49 }]],
    ['a row without a measure', [{ ...row, largest: [] }]],
    ['measures out of order', [{ ...row, largest: [...row.largest].reverse() }]],
    ['a negative distance', [{ ...row, largest: [{ name: 'one', value: -1 }] }]],
    ['a distance that is not a number', [{ ...row, largest: [{ name: 'one', value: Number.NaN }] }]],
  ])('are refused with %s', (_name, distances) => {
    expect(() => encodeDriftTable({ ...bare, distances })).toThrow();
  });

  it('are refused with bytes behind them, and with an empty count', () => {
    const bytes = encodeDriftTable({ ...bare, distances: [row] });
    expect(() => parseDriftTable(Uint8Array.of(...bytes, 0))).toThrow();
    expect(() => parseDriftTable(Uint8Array.of(...encodeDriftTable(bare), 0, 0))).toThrow();
  });

  it('are compared between two tables', () => {
    const other = { ...row, verifierClass: 'c' };
    const changes = diffDriftTables(
      { ...bare, distances: [row] },
      { ...bare, distances: [{ ...row, replies: 60 }, other] },
    );
    expect(changes.map(({ before, after, isSignificant }) => [before, after, isSignificant])).toEqual([
      ['50 replies of test, one 0, two 0.00001', '60 replies of test, one 0, two 0.00001', false],
      ['absent', '50 replies of test, one 0, two 0.00001', true],
    ]);
    expect(diffDriftTables({ ...bare, distances: [row] }, { ...bare, distances: [row] })).toEqual([]);
  });
});
