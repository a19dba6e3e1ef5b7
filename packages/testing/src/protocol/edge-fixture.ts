import type { EdgeValues } from '@ogong/protocol/commitment/edge-values';
import fc from 'fast-check';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

/** Edges of any form that the format allows. Their sketches are no sketches. */
export const anyEdge: fc.Arbitrary<EdgeValues> = fc
  .record({
    positions: fc.integer({ min: 1, max: 70 }),
    width: fc.constantFrom(1, 8),
    steps: fc.integer({ min: 1, max: 2 }),
  })
  .chain(({ positions, width, steps }) => {
    const windows = Array.from({ length: Math.ceil(positions / 32) }, (_, w) => Math.min(32, positions - 32 * w));
    return fc.record({
      positions: fc.constant(positions),
      rows: fc.record({ bytes: fc.constant(positions * width * 4), root: bytes(32) }),
      sketches: fc.tuple(...windows.map((rows) => bytes(2 + rows * (1 + 12 * steps)))),
    });
  });
