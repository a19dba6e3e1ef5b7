import type { TextEngine, TextScoringRequest } from '@ogong/engine/interface/text';
import type { WindowBytes } from '@ogong/protocol/commitment/opening';
import { createSketchRow } from '@ogong/protocol/commitment/sketch';
import { encodeDraws, encodeSketch, WINDOW_TOKENS } from '@ogong/protocol/modality/text/commitment/window';

/**
 * Creates an engine without a model, as a lazy verifier would use. Its tokeniser is right. Every claimed token is first in its list. All
 * values are made up.
 */
export function createHollowEngine(
  engine: TextEngine,
  random: () => number,
  { exact = true }: { readonly exact?: boolean } = {},
): TextEngine {
  return {
    ...engine,
    async score(request) {
      const windows = makeUpWindows(request, engine.info().vocabularySize, random);
      const numericClass = exact ? request.numericClass : 'other/1';
      return {
        windows,
        firstOtherChoice: -1,
        tailGap: undefined,
        cachedTokens: 0,
        numericClass,
        exact,
        elapsedMs: 1 + Math.floor(random() * 20),
      };
    },
  };
}

/** Lists of the right sizes, falling log-probabilities, and small random sketches. */
function makeUpWindows(
  { outputTokens, listSizes, sketch }: TextScoringRequest,
  vocabularySize: number,
  random: () => number,
): WindowBytes[] {
  const windows: WindowBytes[] = [];
  for (let from = 0; from < outputTokens.length; from += WINDOW_TOKENS) {
    const tokens = outputTokens.subarray(from, from + WINDOW_TOKENS);
    const rows = Array.from(tokens, (token, i) => {
      const size = listSizes[from + i] as number;
      const others = Array.from({ length: size }, (_, k) => (token + 1 + k) % vocabularySize);
      const q = Uint32Array.from({ length: size }, (_, k) => Math.floor(20_000 + random() * 20_000 + k * 40_000));
      return { ids: Uint32Array.from([token, ...others].slice(0, size)), q, tail: Math.floor(random() * 1e6), rank: 0 };
    });
    const sketches = rows.map(() => {
      const row = createSketchRow(sketch.directions);
      for (let k = 0; k < sketch.directions; k++) row.values[k] = Math.floor(random() * 2_000) - 1_000;
      return row;
    });
    const runs = [{ length: rows.length, shapeClass: 0 }];
    windows.push({ draws: encodeDraws({ rows, runs }, { vocabularySize }), sketch: encodeSketch(sketches) });
  }
  return windows;
}
