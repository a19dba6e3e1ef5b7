import type { UpstreamRows } from '../interface/segment.ts';

/** Rows of one claimed reply, in the place of the segments that computed them. */
export interface GivenRows extends UpstreamRows {
  /** Takes the rows of the reply that runs next, f32[positions, embeddingSize]. Rows behind them are zeros. */
  give(rows: Float32Array): void;
}

/** @param embeddingSize values of a row. */
export function createGivenRows(embeddingSize: number): GivenRows {
  let given: Float32Array = new Float32Array(0);
  return {
    give(rows) {
      given = rows;
    },
    async run({ groups, tokens }) {
      const input = new Float32Array(tokens.length * embeddingSize);
      let at = 0;
      for (const { position, rows } of groups) {
        input.set(given.subarray(position * embeddingSize, (position + rows) * embeddingSize), at);
        at += rows * embeddingSize;
      }
      return input;
    },
    async drop() {},
  };
}
