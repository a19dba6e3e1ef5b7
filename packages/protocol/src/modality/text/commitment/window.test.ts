import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { describe, expect, it } from 'vitest';
import { createSketchRow, MAX_DIRECTIONS } from '../../../commitment/sketch.ts';
import {
  countSketched,
  type DrawRow,
  decodeDraws,
  decodeSketch,
  encodeDraws,
  encodeSketch,
  WINDOW_TOKENS,
} from './window.ts';

describe('windows', () => {
  const random = createSeededRandom(3);

  it('round-trips each sketch at every number of directions, and counts them', () => {
    for (const directions of [8, 16, 64, 72, MAX_DIRECTIONS]) {
      const rows = Array.from({ length: WINDOW_TOKENS }, () => {
        const row = createSketchRow(directions);
        row.exponent = -3;
        for (let j = 0; j < directions; j++) row.values[j] = Math.floor(random() * 4095) - 2047;
        return row;
      });
      const bytes = encodeSketch(rows);
      expect(decodeSketch(bytes, { directions })).toEqual(rows);
      expect(countSketched(bytes, { directions })).toBe(WINDOW_TOKENS);
      expect(() => countSketched(bytes.subarray(0, -1), { directions })).toThrow('truncated');
      expect(() => countSketched(bytes, { directions: directions + 8 })).toThrow();
    }
  });

  it('round-trips rows of every length, each in its own arrays', () => {
    const rows = Array.from({ length: WINDOW_TOKENS }, (_, i): DrawRow => {
      const ids = Uint32Array.from({ length: 2 * i + 2 }, (_, j) => j * 7 + i);
      const q = Uint32Array.from(ids, (_, j) => j * 1000 + Math.floor(random() * 1000));
      return { ids, q, tail: 5, rank: i };
    });
    const draws = { rows, runs: [{ length: rows.length, shapeClass: 0 }] };
    const decoded = decodeDraws(encodeDraws(draws, { vocabularySize: 32_000 }), { vocabularySize: 32_000 });
    expect(decoded).toEqual(draws);
  });
});
