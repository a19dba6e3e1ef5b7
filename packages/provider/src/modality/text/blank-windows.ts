import type { WindowBytes } from '@ogong/protocol/commitment/opening';
import { createSketchRow } from '@ogong/protocol/commitment/sketch';
import type { Header } from '@ogong/protocol/modality/text/commitment/header';
import {
  type DrawRow,
  encodeDraws,
  encodeSketch,
  WINDOW_TOKENS,
} from '@ogong/protocol/modality/text/commitment/window';
import { NAT } from '@ogong/protocol/modality/text/sampling/sampler';

/**
 * Windows with the claimed tokens and list sizes, but without scores. A report holds them if the claim has another vocabulary or
 * width than the model. Then nothing can be scored, but the report must be well-formed.
 * @throws ProtocolError if a token or a list does not fit the header's vocabulary.
 */
export function createBlankWindows(
  { vocabularySize, sketchDirections, sampler }: Pick<Header, 'vocabularySize' | 'sketchDirections' | 'sampler'>,
  { outputTokens, listSizes }: { readonly outputTokens: Uint32Array; readonly listSizes: Uint8Array },
): WindowBytes[] {
  const windows: WindowBytes[] = [];
  const isMarked = sampler.repetitionPenaltyQ16 !== NAT;
  for (let at = 0; at < outputTokens.length; at += WINDOW_TOKENS) {
    const length = Math.min(WINDOW_TOKENS, outputTokens.length - at);
    const rows = Array.from({ length }, (_, i) => {
      const size = listSizes[at + i] as number;
      const row = createBlankRow(outputTokens[at + i] as number, size);
      return isMarked ? { ...row, repeated: { logSum: 0, marks: new Uint8Array(size) } } : row;
    });
    const sketch = Array.from({ length }, () => createSketchRow(sketchDirections));
    windows.push({
      draws: encodeDraws({ rows, runs: [{ length, shapeClass: 0 }] }, { vocabularySize }),
      sketch: encodeSketch(sketch),
    });
  }
  return windows;
}

/** The token first, then the lowest ids, all with cost 0. */
function createBlankRow(token: number, size: number): DrawRow {
  const ids = new Uint32Array(size);
  ids[0] = token;
  for (let i = 1, id = 0; i < size; i++, id++) {
    if (id === token) id++;
    ids[i] = id;
  }
  return { ids, q: new Uint32Array(size), tail: 0, rank: 0 };
}
