import type { SegmentEngine } from '@ogong/engine/interface/segment';

/** A segment that keeps the rows which it returned. */
export interface SentRows extends SegmentEngine {
  /** f32[positions, embeddingSize]: the rows of a sequence that stand. */
  rowsOf(sequence: number): Float32Array;
}

/** Keeps the rows that a segment sends. As over a boundary, a pass drops all rows from its position on. */
export function keepSentRows(segment: SegmentEngine): SentRows {
  const { embeddingSize } = segment.info();
  const kept = new Map<number, number[]>();
  return {
    ...segment,
    async run(pass) {
      const output = await segment.run(pass);
      if (output.kind !== 'rows') throw new RangeError('the last segment of a chain sends no rows');
      let at = 0;
      for (const { sequence, position, rows } of pass.groups) {
        const values = kept.get(sequence) ?? [];
        kept.set(sequence, values);
        values.length = position * embeddingSize;
        values.push(...output.rows.subarray(at, at + rows * embeddingSize));
        at += rows * embeddingSize;
      }
      return output;
    },
    rowsOf: (sequence) => Float32Array.from(kept.get(sequence) ?? []),
  };
}
