import { describe, expect, it } from 'vitest';
import type { DistanceRow } from '../text/drift/distance-rows.ts';
import type { DriftTable } from '../text/drift/drift-table.ts';
import { TRAJECTORY_FALLBACK } from './adjudicate.ts';
import type { TrajectoryHeader } from './header.ts';
import { findTrajectoryLimits } from './measured-limits.ts';

const modelRoot = new Uint8Array(32).fill(1);
const [native, wasm] = ['onnxruntime/cpu', 'onnxruntime/wasm'];
const row: DistanceRow = {
  ...{ modelRoot, providerClass: native, verifierClass: wasm, codeVersion: 'test', replies: 60 },
  largest: [
    { name: 'guidance', value: 3 * 65_536 },
    { name: 'output', value: 1e-5 },
    { name: 'pixels', value: 0 },
    { name: 'size', value: 32 * 32 * 3 },
  ],
};
const tableOf = (...distances: DistanceRow[]): DriftTable => ({
  ...{ version: 1, previous: new Uint8Array(32), families: [], rows: [], distances },
});
const find = (
  table: DriftTable | undefined,
  {
    root = modelRoot,
    numericClass = native,
    guidanceQ16 = 3 * 65_536,
    width = 32,
  }: { root?: Uint8Array; numericClass?: string; guidanceQ16?: number; width?: number } = {},
) => {
  const choices = { width, height: 32, guidanceQ16 };
  const header = { numericClass, choices } as TrajectoryHeader;
  return findTrajectoryLimits(table, root, { header, report: { numericClass: wasm } });
};

describe('the limits of a picture', () => {
  it('follow from the largest honest distance of the two classes, and are never below the least ones', () => {
    expect(find(tableOf(row))).toEqual({
      source: 'measured on 60 pictures',
      output: { doubt: 4 * 1e-5, reject: 16 * 1e-5 },
      pixels: TRAJECTORY_FALLBACK.pixels,
    });
    const still = { ...row, largest: row.largest.map((one) => (one.name === 'output' ? { ...one, value: 0 } : one)) };
    expect(find(tableOf(still)).output).toEqual({ doubt: 2e-6, reject: 8e-6 });
  });

  it.each([
    ['no table', undefined, {}],
    ['no row of the model', tableOf(row), { root: new Uint8Array(32) }],
    ['no row of the class', tableOf(row), { numericClass: wasm }],
    ['a larger picture than measured', tableOf(row), { width: 40 }],
    ['a higher guidance than measured', tableOf(row), { guidanceQ16: 4 * 65_536 }],
    ['a row with other measures', tableOf({ ...row, largest: row.largest.slice(1) }), {}],
  ])('are fixed with %s', (_name, table, change) => {
    expect(find(table, change)).toEqual(TRAJECTORY_FALLBACK);
  });

  it('of a family hold for its classes', () => {
    const table = {
      ...tableOf({ ...row, providerClass: 'family' }),
      families: [{ numericClass: native, family: 'family' }],
    };
    expect(find(table).source).toBe('measured on 60 pictures');
  });
});
