/** Outputs of the passes of a context, row after row. */
interface Outputs {
  logits(): Float32Array;
  hidden(): Float32Array;
}

/** Rows that run in passes of their own. The outputs of all of them can be read afterwards. */
export interface SingleRows extends Outputs {
  /** @param runRow runs a pass of this row alone. */
  run<Row>(rows: readonly Row[], runRow: (row: Row) => void): void;
}

/**
 * @param outputs of the last pass. They are copied if several rows run.
 * @param widths values of a row.
 */
export function createSingleRows(outputs: Outputs, widths: Readonly<Record<keyof Outputs, number>>): SingleRows {
  const copies = { logits: new Float32Array(0), hidden: new Float32Array(0) };
  let isCopied = false;
  const copy = (which: keyof Outputs, index: number, rows: number): void => {
    const width = widths[which];
    if (copies[which].length < rows * width) copies[which] = new Float32Array(rows * width);
    copies[which].set(outputs[which]().subarray(0, width), index * width);
  };
  return {
    run(rows, runRow) {
      isCopied = rows.length > 1;
      rows.forEach((row, index) => {
        runRow(row);
        if (!isCopied) return;
        copy('logits', index, rows.length);
        copy('hidden', index, rows.length);
      });
    },
    logits: () => (isCopied ? copies.logits : outputs.logits()),
    hidden: () => (isCopied ? copies.hidden : outputs.hidden()),
  };
}
