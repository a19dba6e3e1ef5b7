import type { WindowBytes } from '@ogong/protocol/commitment/opening';
import type { Header } from '@ogong/protocol/modality/text/commitment/header';
import {
  decodeDraws,
  decodeSketch,
  encodeDraws,
  encodeSketch,
  type ShapeRun,
  WINDOW_TOKENS,
} from '@ogong/protocol/modality/text/commitment/window';

/**
 * Returns the first positions of a reply. Their commitment does not depend on later positions, so one long reply measures all
 * shorter lengths.
 * @param length 1 to the number of positions in the windows.
 * @throws ProtocolError if the last window does not decode.
 */
export function cutWindows(
  windows: readonly WindowBytes[],
  length: number,
  { vocabularySize, sketchDirections: directions }: Pick<Header, 'vocabularySize' | 'sketchDirections'>,
): readonly WindowBytes[] {
  const whole = Math.floor(length / WINDOW_TOKENS);
  const rest = length % WINDOW_TOKENS;
  const cut = windows.slice(0, whole);
  const last = windows[whole];
  if (rest === 0 || last === undefined) return cut;
  const { rows, runs } = decodeDraws(last.draws, { vocabularySize });
  const draws = encodeDraws({ rows: rows.slice(0, rest), runs: cutRuns(runs, rest) }, { vocabularySize });
  return [...cut, { draws, sketch: encodeSketch(decodeSketch(last.sketch, { directions }).slice(0, rest)) }];
}

function cutRuns(runs: readonly ShapeRun[], length: number): readonly ShapeRun[] {
  let left = length;
  const cut: ShapeRun[] = [];
  for (const { length: size, shapeClass } of runs) {
    if (left > 0) cut.push({ length: Math.min(size, left), shapeClass });
    left -= size;
  }
  return cut;
}
