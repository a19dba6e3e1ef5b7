import type { GridCell } from './picture-rows.ts';

/** The position of a row. A token has the same in every dimension. */
export interface RowPosition {
  readonly time: number;
  readonly line: number;
  readonly column: number;
}

/**
 * Positions of the rows of each sequence, for a model whose pictures lie in grids (M-RoPE). All rows of a grid have one time. The text
 * goes on behind the grid's longer side, so a position is not the number of rows before it.
 */
export interface GridPositions {
  /**
   * Places the row with this index, behind the rows before it.
   * @param cell of a row in a grid; undefined for a token.
   */
  place(sequence: number, index: number, cell: GridCell | undefined): RowPosition;
  /** Returns the time of a placed row, and for the index behind the last one that of a token there. */
  timeOf(sequence: number, index: number): number;
}

export function createGridPositions({
  sequences,
  contextSize,
}: {
  readonly sequences: number;
  readonly contextSize: number;
}): GridPositions {
  const open = (): Int32Array[] => Array.from({ length: sequences }, () => new Int32Array(contextSize + 1));
  const times = open();
  /** By index: the time of a token behind the row with the index before. */
  const nexts = open();
  const read = (of: readonly Int32Array[], sequence: number, index: number): number => of[sequence]?.[index] as number;
  return {
    place(sequence, index, cell) {
      const isFirst = cell === undefined || (cell.line === 0 && cell.column === 0);
      const time = isFirst ? read(nexts, sequence, index) : read(times, sequence, index - 1);
      (times[sequence] as Int32Array)[index] = time;
      (nexts[sequence] as Int32Array)[index + 1] = time + (cell === undefined ? 1 : Math.max(cell.lines, cell.columns));
      return { time, line: time + (cell?.line ?? 0), column: time + (cell?.column ?? 0) };
    },
    timeOf: (sequence, index) => read(nexts, sequence, index),
  };
}
