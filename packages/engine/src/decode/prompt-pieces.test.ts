import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cutPiece, findRestart, type PromptRule, shapeOfPrompt } from './prompt-pieces.ts';

const SEED = 20261124;
const LEAST = 64;
const TILED = -1;
const tiled: PromptRule = { promptShape: TILED, leastPromptRows: LEAST, batchSize: 256 };
const free: PromptRule = { promptShape: 2, leastPromptRows: 0, batchSize: 256 };

function cutAll(rule: PromptRule, { from = 0, rows, chunk }: { from?: number; rows: number; chunk?: number }) {
  const lengths: number[] = [];
  for (let at = from; at < rows; ) {
    const { end } = cutPiece(rule, { from: at, rows, ...(chunk && { chunk }) });
    lengths.push(end - at);
    at = end;
  }
  return lengths;
}

describe('pieces of a prompt', () => {
  it.each([
    [63, [63]],
    [64, [64]],
    [128, [128]],
    [191, [191]],
    [192, [128, 64]],
    [700, [128, 128, 128, 128, 188]],
  ])('of %i rows in chunks of 128: %j', (rows, lengths) =>
    expect(cutAll(tiled, { rows, chunk: 128 })).toEqual(lengths),
  );

  it('are as long as the chunk where the class asks for no length', () => {
    expect(cutAll(free, { rows: 300, chunk: 128 })).toEqual([128, 128, 44]);
    expect(cutAll(free, { rows: 300 })).toEqual([256, 44]);
    expect(cutAll(free, { rows: 2, chunk: 1 })).toEqual([1, 1]);
  });

  it('that are too short for the class run as the rows of a reply do', () => {
    expect([0, 63, 64].map((rows) => shapeOfPrompt(tiled, rows))).toEqual([0, 0, TILED]);
    expect(cutPiece(tiled, { from: 0, rows: 63 }).shapeClass).toBe(0);
    expect(cutPiece(tiled, { from: 0, rows: 64 }).shapeClass).toBe(TILED);
    expect(shapeOfPrompt(free, 0)).toBe(2);
  });

  it('begin again in the cache where too few rows are missing', () => {
    const restarts = [100, 120, 199, 200].map((held) => findRestart(tiled, { held, rows: 200 }));
    expect(restarts).toEqual([100, 120, 136, 200]);
    expect(findRestart(tiled, { held: 40, rows: 50 })).toBe(40);
    expect(findRestart(free, { held: 199, rows: 200 })).toBe(199);
  });

  it(`fit a pass and are long enough, wherever the cache ends and whatever the chunk, seed ${SEED}`, () => {
    fc.assert(
      fc.property(fc.nat(1500), fc.nat(1500), fc.integer({ min: 1, max: 600 }), (rows, cached, chunk) => {
        const from = findRestart(tiled, { held: Math.min(cached, rows), rows });
        const lengths = cutAll(tiled, { from, rows, chunk });
        expect(lengths.reduce((sum, length) => sum + length, from)).toBe(rows);
        for (const length of lengths) {
          expect(length).toBeLessThanOrEqual(tiled.batchSize);
          if (rows >= LEAST) expect(length).toBeGreaterThanOrEqual(LEAST);
        }
      }),
      { seed: SEED, numRuns: 2000 },
    );
  });
});
