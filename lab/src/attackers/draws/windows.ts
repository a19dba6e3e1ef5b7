import type { TextEngineInfo } from '@ogong/engine/interface/text';
import type { WindowBytes } from '@ogong/protocol/commitment/opening';
import type { SketchRow } from '@ogong/protocol/commitment/sketch';
import { DEFAULT_DIRECTIONS } from '@ogong/protocol/commitment/sketch';
import {
  type DrawRow,
  decodeDraws,
  decodeSketch,
  encodeDraws,
  encodeSketch,
  WINDOW_TOKENS,
} from '@ogong/protocol/modality/text/commitment/window';

export interface Position {
  readonly row: DrawRow;
  readonly sketch: SketchRow;
  readonly shapeClass: number;
}

type Vocabulary = Pick<TextEngineInfo, 'vocabularySize'>;

export function openWindows(
  windows: readonly WindowBytes[],
  { vocabularySize }: Vocabulary,
  directions = DEFAULT_DIRECTIONS,
): Position[] {
  return windows.flatMap(({ draws, sketch }) => {
    const { rows, runs } = decodeDraws(draws, { vocabularySize });
    const classes = runs.flatMap(({ length, shapeClass }) => Array<number>(length).fill(shapeClass));
    return decodeSketch(sketch, { directions }).map((values, i) => ({
      row: rows[i] as DrawRow,
      sketch: values,
      shapeClass: classes[i] as number,
    }));
  });
}

export function closeWindows(positions: readonly Position[], { vocabularySize }: Vocabulary): WindowBytes[] {
  const windows: WindowBytes[] = [];
  for (let at = 0; at < positions.length; at += WINDOW_TOKENS) {
    const part = positions.slice(at, at + WINDOW_TOKENS);
    const runs: { length: number; shapeClass: number }[] = [];
    for (const { shapeClass } of part) {
      const last = runs.at(-1);
      if (last?.shapeClass === shapeClass) last.length++;
      else runs.push({ length: 1, shapeClass });
    }
    windows.push({
      draws: encodeDraws({ rows: part.map(({ row }) => row), runs }, { vocabularySize }),
      sketch: encodeSketch(part.map(({ sketch }) => sketch)),
    });
  }
  return windows;
}

/** The first `length` positions. */
export const cutWindows = (windows: readonly WindowBytes[], length: number, info: Vocabulary): WindowBytes[] =>
  closeWindows(openWindows(windows, info).slice(0, length), info);

/** Joins the positions of several replies into one reply. */
export const joinWindows = (parts: readonly (readonly WindowBytes[])[], info: Vocabulary): WindowBytes[] =>
  closeWindows(
    parts.flatMap((windows) => openWindows(windows, info)),
    info,
  );
