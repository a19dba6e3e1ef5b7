import { ProtocolError } from '../../../base/bytes.ts';
import { type CommittedBlob, createBlobHasher } from '../../../commitment/blob.ts';
import type { EdgeValues } from '../../../commitment/edge-values.ts';
import { createSketchRow, projectHidden, type SketchBank, type SketchRow } from '../../../commitment/sketch.ts';
import type { Crypto } from '../../../crypto/crypto.ts';
import { viewValues } from '../../shared/values.ts';
import { encodeSketch, WINDOW_TOKENS } from '../commitment/window.ts';

/** Commits to the rows of an edge while they come. It keeps 64 bytes for each chunk of the blob, and the sketches. */
export interface EdgeHasher {
  /**
   * Adds the rows of the next positions, which takes about 0.7 ms for a row of 8,192 values.
   * @param rows f32[n, embeddingSize]. @throws ProtocolError for part of a row, a value that is not finite, or too many rows for a blob.
   */
  push(rows: Float32Array): void;
  /** @throws ProtocolError `malformed` if no row has come. */
  finish(): { readonly values: EdgeValues; readonly blob: CommittedBlob };
}

/** @param blind of the answer, 32 bytes. @param bank of the reply's header. */
export function createEdgeHasher(
  crypto: Pick<Crypto, 'sha256'>,
  { blind, bank }: { readonly blind: Uint8Array; readonly bank: SketchBank },
): EdgeHasher {
  const { embeddingSize, directions } = bank;
  const hasher = createBlobHasher(crypto, blind);
  const window = Array.from({ length: WINDOW_TOKENS }, () => createSketchRow(directions));
  const sketches: Uint8Array[] = [];
  let positions = 0;
  const flush = (count: number): void => void sketches.push(encodeSketch(window.slice(0, count)));
  return {
    push(rows) {
      if (rows.length % embeddingSize !== 0)
        throw new ProtocolError('malformed', `${rows.length} values are no rows of ${embeddingSize}`);
      hasher.push(viewValues(rows));
      for (let at = 0; at < rows.length; at += embeddingSize) {
        projectHidden(bank, rows, at, window[positions % WINDOW_TOKENS] as SketchRow);
        if (++positions % WINDOW_TOKENS === 0) flush(WINDOW_TOKENS);
      }
    },
    finish() {
      const blob = hasher.finish();
      if (positions % WINDOW_TOKENS > 0) flush(positions % WINDOW_TOKENS);
      return { values: { positions, rows: blob.ref, sketches }, blob };
    },
  };
}
