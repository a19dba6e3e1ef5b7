import type { BatchContext } from '../batch-model.ts';
import type { LlamaContext, LlamaModel } from './model.ts';
import {
  BAND,
  isShapeClass,
  type Pass,
  planPasses,
  ROWS_OF,
  type ShapeClass,
  type ShapedRow,
  type ShapePolicy,
  WIDE,
} from './pass-shapes.ts';

export interface ShapedContextOptions {
  readonly sequences: number;
  readonly contextSize: number;
  readonly batchSize: number;
  readonly policy: ShapePolicy;
  /** Of the vocabulary and of the hidden state. */
  readonly widths: { readonly logits: number; readonly hidden: number };
}

/**
 * A context whose every pass stays inside a declared class. Prompts run wide; a row with outputs runs in the class that
 * was asked for, or in the policy's.
 */
export function createShapedContext(
  open: (options: Pick<Parameters<LlamaModel['createContext']>[0], 'contextSize' | 'batchSize'>) => LlamaContext,
  { sequences, contextSize, batchSize, policy, widths }: ShapedContextOptions,
): BatchContext {
  const capacity = Math.ceil(contextSize / BAND) * BAND;
  const context = open({
    contextSize: capacity,
    batchSize: Math.max(batchSize, 2 * sequences) + ROWS_OF[WIDE].least,
  });
  const rows: ShapedRow[] = [];
  /** What each sequence holds, for padding that reaches back. */
  const held = Array.from({ length: sequences }, () => new Int32Array(capacity));
  const outputRows: number[] = [];
  const classes: ShapeClass[] = [];
  const copies = { logits: new Float32Array(0), hidden: new Float32Array(0) };
  let isCopied = false;

  /** @returns where the pass's own rows stand in it. */
  const run = ({ segments }: Pass, outputs: boolean): [index: number, row: number][] => {
    const placed: [number, number][] = [];
    let row = 0;
    for (const segment of segments) {
      const { sequence, index, first, count, before, behind } = segment;
      const tokens = held[sequence] as Int32Array;
      if (before > 0) context.remove(sequence, first - before);
      for (let position = first - before; position < first + count + behind; position++, row++) {
        const own = position - first;
        // Whatever stands behind the last row is never seen by it.
        context.add(tokens[Math.min(position, first + count - 1)] as number, position, sequence);
        if (own >= 0 && own < count) placed.push([index + own, row]);
      }
    }
    context.decode(outputs);
    for (const { sequence, first, count, behind } of segments) {
      if (behind > 0) context.remove(sequence, first + count);
    }
    return placed;
  };

  const copyOut = (which: 'logits' | 'hidden', placed: readonly [number, number][], total: number) => {
    const width = widths[which];
    if (copies[which].length < total * width) {
      const larger = new Float32Array(total * width);
      larger.set(copies[which]);
      copies[which] = larger;
    }
    const source = context[which]();
    for (const [index, row] of placed)
      copies[which].set(source.subarray(row * width, (row + 1) * width), index * width);
  };

  return {
    contextSize,
    sequences,
    batchSize,
    add(token, position, sequence, shapeClass) {
      if (rows.length >= batchSize) throw new RangeError(`a batch holds ${batchSize} rows`);
      if (!(position >= 0 && position < contextSize))
        throw new RangeError(`position ${position} is outside the context of ${contextSize}`);
      const tokens = held[sequence];
      if (tokens === undefined) throw new RangeError(`sequence ${sequence} of ${sequences}`);
      tokens[position] = token;
      rows.push({ token, position, sequence, shapeClass: isShapeClass(shapeClass) ? shapeClass : undefined });
    },
    decode(outputs) {
      const planned = outputs ? rows : rows.map((row) => ({ ...row, shapeClass: WIDE as ShapeClass }));
      const total = rows.length;
      const passes = planPasses(planned, policy);
      rows.length = 0;
      isCopied = outputs && passes.length > 1;
      for (const pass of passes) {
        const placed = run(pass, outputs);
        for (const [index, row] of placed) {
          classes[index] = pass.shapeClass;
          outputRows[index] = isCopied ? index : row;
        }
        if (!isCopied) continue;
        copyOut('logits', placed, total);
        copyOut('hidden', placed, total);
      }
    },
    outputRow: (index) => outputRows[index] as number,
    shapeOf: (index) => classes[index] as number,
    logits: () => (isCopied ? copies.logits : context.logits()),
    hidden: () => (isCopied ? copies.hidden : context.hidden()),
    remove: (sequence) => context.remove(sequence),
    free: () => context.free(),
  };
}
