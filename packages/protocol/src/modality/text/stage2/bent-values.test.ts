import { createSyntheticReply } from '@ogong/testing/synthetic/synthetic-reply';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSeededRandom } from '../../../base/seeded-random.ts';
import type { WindowBytes } from '../../../commitment/opening.ts';
import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto as crypto } from '../../../crypto/noble.ts';
import { decodeDraws, decodeSketch, encodeDraws, encodeSketch } from '../commitment/window.ts';
import { addPosition, countValues, createValueMeter, VALUE_CELLS } from './bent-values.ts';
import { compareWindows } from './compare.ts';

const reply = createSyntheticReply({
  crypto,
  provider: createNobleHybridSigner(new Uint8Array(64).fill(1)),
  payer: createNobleLedgerSigner(new Uint8Array(32).fill(2)),
  ledger: { chainId: 31337n, verifyingContract: new Uint8Array(20).fill(3) },
  tokens: 64,
});
const { header, opening } = reply;
const random = createSeededRandom(3);

/** Creates a re-run whose values are all slightly off, with its sketches. At some positions one value is far off. */
function rerun({ bent = [], by = 0 }: { bent?: readonly number[]; by?: number } = {}): WindowBytes[] {
  let at = 0;
  return opening.windows.map((window) => {
    const { rows, runs } = decodeDraws(window.draws, header);
    const moved = rows.map((row) => {
      const position = at++;
      const q = row.q.map((cost) => Math.max(0, cost + Math.round((random() * 2 - 1) * 40)));
      if (bent.includes(position)) q[1] = Math.max(0, (row.q[1] as number) + by);
      return { ...row, q };
    });
    const sketch = decodeSketch(window.sketch, { directions: header.sketchDirections }).map(({ exponent, values }) => ({
      exponent,
      values: values.map((value) => Math.max(-2047, Math.min(2047, value + Math.round((random() * 2 - 1) * 6)))),
    }));
    return { draws: encodeDraws({ rows: moved, runs }, header), sketch: encodeSketch(sketch) };
  });
}

const cellsOf = (windows: readonly WindowBytes[]): Uint32Array =>
  compareWindows(crypto, header, opening.windows, windows).values;
const outside = (cells: Uint32Array): number => cells.slice(1).reduce((sum, count) => sum + count, 0);
/** Counts by row: how far the farthest value stands out. */
const rowsOf = (cells: Uint32Array): number[] =>
  Array.from({ length: 5 }, (_, row) => cells.slice(4 * row, 4 * row + 4).reduce((sum, count) => sum + count, 0));

describe('single values that moved', () => {
  it('are none between equal windows', () => {
    expect(cellsOf(opening.windows).every((count) => count === 0)).toBe(true);
  });

  it('stand out from the others of their position only', () => {
    const ordinary = cellsOf(rerun());
    expect(ordinary.reduce((sum, count) => sum + count, 0)).toBe(64);
    expect(rowsOf(ordinary)[4]).toBe(0);
    expect(outside(ordinary)).toBeLessThan(8);
    const bent = cellsOf(rerun({ bent: [3, 17, 40], by: 2_000 }));
    expect(rowsOf(bent)[4]).toBe(3);
    // The hidden state does not lie as far off either.
    expect(bent.slice(16 + 2).reduce((sum, count) => sum + count, 0)).toBe(3);
  });

  it('differ from an error of all values, unless it is far larger than at other positions', () => {
    const noise = createSeededRandom(9);
    const ordinary = Array.from({ length: 20 }, () => Math.round((noise() * 2 - 1) * 100));
    const count = (scaled: { readonly values: number; readonly sketch: number }): number[] => {
      const meter = createValueMeter(64);
      for (let i = 0; i < 64; i++) {
        const { values, sketch } = i === 31 ? scaled : { values: 1, sketch: 1 };
        const differences = new Int32Array(64);
        differences.set(ordinary.map((value) => value * values));
        const logs = { logSpread: Math.log(1e-3 * values), logSketch: Math.log(1e-3 * sketch) };
        addPosition(meter, { differences, count: ordinary.length, ...logs });
      }
      return [...countValues(meter)];
    };
    expect(count({ values: 1, sketch: 1 })[0]).toBe(64);
    for (const scaled of [
      { values: 20, sketch: 1 },
      // The same holds for a movement that also moved the sketch, farther than anywhere else.
      { values: 20, sketch: 20 },
    ]) {
      const moved = count(scaled);
      expect([moved[0], moved[3]]).toEqual([63, 1]);
    }
    // A sketch that moved alone says nothing about the values.
    expect(count({ values: 1, sketch: 20 })[0]).toBe(64);
  });

  it('count every position once, for any differences', () => {
    const position = fc.record({
      values: fc.array(fc.integer({ min: -(2 ** 24), max: 2 ** 24 }), { minLength: 1, maxLength: 64 }),
      logSpread: fc.double({ min: -11, max: 11, noNaN: true }),
      logSketch: fc.double({ min: -11, max: 11, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(position, { maxLength: 20 }), (positions) => {
        const meter = createValueMeter(positions.length);
        for (const { values, ...logs } of positions) {
          const differences = new Int32Array(64);
          differences.set(values);
          addPosition(meter, { differences, count: values.length, ...logs });
        }
        const cells = countValues(meter);
        expect(cells).toHaveLength(VALUE_CELLS);
        const counted = positions.filter(({ values }) => values.length >= 4).length;
        expect(cells.reduce((sum, count) => sum + count, 0)).toBe(counted);
      }),
      { seed: 4 },
    );
  });
});
