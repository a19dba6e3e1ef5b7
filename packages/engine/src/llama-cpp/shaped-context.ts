import {
  isNearEdge,
  isShapeClass,
  NARROW,
  SHAPE_BAND,
  type ShapeClass,
  WIDE,
} from '@ogong/protocol/modality/text/commitment/shape-classes';
import type { LocalContext } from '../decode/batch-model.ts';
import type { LlamaContext, LlamaModel } from './model.ts';
import {
  type Pass,
  type PlannedSegment,
  planPasses,
  ROWS_OF,
  type ShapedRow,
  type ShapePolicy,
} from './pass-shapes.ts';
import type { EdgeRows } from './segment/edge-rows.ts';

export interface ShapedContextOptions {
  readonly sequences: number;
  readonly contextSize: number;
  readonly batchSize: number;
  readonly policy: ShapePolicy;
  /** Widths of the vocabulary and of the hidden state. */
  readonly widths: { readonly logits: number; readonly hidden: number };
  /** Rows between layers, of a context with one sequence. Default: nobody reads them. */
  readonly edges?: EdgeRows | undefined;
}

/** One planned row in its pass. */
interface PlacedRow {
  readonly index: number;
  /** Its place in the pass. */
  readonly row: number;
}

/**
 * A context in which every pass stays inside one declared class: the one that was asked for. By default rows without outputs
 * (prompts) run wide, and others in the policy's class.
 */
export function createShapedContext(
  open: (options: Pick<Parameters<LlamaModel['createContext']>[0], 'contextSize' | 'batchSize'>) => LlamaContext,
  { sequences, contextSize, batchSize, policy, widths, edges }: ShapedContextOptions,
): LocalContext {
  const capacity = Math.ceil(contextSize / SHAPE_BAND) * SHAPE_BAND;
  const context = open({
    contextSize: capacity,
    batchSize: Math.max(batchSize, 2 * sequences) + ROWS_OF[WIDE].least,
  });
  const rows: ShapedRow[] = [];
  /** Tokens of each sequence, for padding that reaches back. */
  const held = Array.from({ length: sequences }, () => new Int32Array(capacity));
  /** Guesses by row. */
  const guesses: Int32Array[] = [];
  const guessCounts: number[] = [];
  const guessesRun: number[] = [];
  const outputRows: number[] = [];
  const classes: ShapeClass[] = [];
  const copies = { logits: new Float32Array(0), hidden: new Float32Array(0) };
  let isCopied = false;

  /** Guesses replace padding. A guess that would run in another class by itself is not run. */
  const countGuesses = ({ index, first, count, behind }: PlannedSegment, shapeClass: ShapeClass): number => {
    const most = count === 1 ? Math.min(behind, guessCounts[index] as number) : 0;
    for (let i = 0; i < most; i++) if (shapeClass === NARROW && isNearEdge(first + 1 + i)) return i;
    return most;
  };

  const run = ({ segments, shapeClass }: Pass, outputs: boolean): PlacedRow[] => {
    const placed: PlacedRow[] = [];
    let row = 0;
    for (const segment of segments) {
      const { sequence, index, first, count, before, behind } = segment;
      const tokens = held[sequence] as Int32Array;
      const ran = outputs ? countGuesses(segment, shapeClass) : 0;
      for (let i = 0; i < ran; i++) tokens[first + 1 + i] = guesses[index]?.[i] as number;
      if (before > 0) context.remove(sequence, first - before);
      for (let position = first - before; position < first + count + behind; position++, row++) {
        const own = position - first;
        // The last row never sees what is behind it.
        context.add(tokens[Math.min(position, first + count + ran - 1)] as number, position, sequence);
        if (own < 0 || own >= count) continue;
        placed.push({ index: index + own, row });
        guessesRun[index + own] = ran;
      }
    }
    edges?.begin(
      placed.map(({ row }) => row),
      row,
    );
    context.decode(outputs);
    edges?.end();
    for (const { index, sequence, first, count, behind } of segments) {
      const kept = guessesRun[index] as number;
      if (behind > kept) context.remove(sequence, first + count + kept);
    }
    return placed;
  };

  /** Rows of the pass, from `row` on, to where the copies go on. */
  const copyOut = (which: 'logits' | 'hidden', { row, at, count }: Record<'row' | 'at' | 'count', number>) => {
    const width = widths[which];
    if (copies[which].length < (at + count) * width) {
      const larger = new Float32Array(2 * (at + count) * width);
      larger.set(copies[which]);
      copies[which] = larger;
    }
    copies[which].set(context[which]().subarray(row * width, (row + count) * width), at * width);
  };

  const plan = (outputs: boolean): readonly Pass[] => {
    try {
      return planPasses(outputs ? rows : rows.map((row) => ({ ...row, shapeClass: row.shapeClass ?? WIDE })), policy);
    } finally {
      rows.length = 0;
    }
  };

  return {
    contextSize,
    sequences,
    batchSize,
    promptShape: WIDE,
    leastPromptRows: 0,
    passRows: (shapeClass) => Math.min(batchSize, isShapeClass(shapeClass) ? ROWS_OF[shapeClass].most : batchSize),
    add(token, position, sequence, shapeClass) {
      if (rows.length >= batchSize) throw new RangeError(`a batch holds ${batchSize} rows`);
      if (!(position >= 0 && position < contextSize))
        throw new RangeError(`position ${position} is outside the context of ${contextSize}`);
      const tokens = held[sequence];
      if (tokens === undefined) throw new RangeError(`sequence ${sequence} of ${sequences}`);
      tokens[position] = token;
      rows.push({ token, position, sequence, shapeClass: isShapeClass(shapeClass) ? shapeClass : undefined });
      guessCounts[rows.length - 1] = 0;
    },
    guess(tokens, count) {
      guesses[rows.length - 1] = tokens;
      guessCounts[rows.length - 1] = count;
    },
    decode(outputs) {
      const passes = plan(outputs);
      isCopied = outputs && passes.length > 1;
      let at = 0;
      for (const pass of passes) {
        for (const { index, row } of run(pass, outputs)) {
          classes[index] = pass.shapeClass;
          outputRows[index] = isCopied ? at : row;
          if (!isCopied) continue;
          const count = 1 + (guessesRun[index] as number);
          copyOut('logits', { row, at, count });
          copyOut('hidden', { row, at, count });
          at += count;
        }
      }
    },
    guessesRun: (index) => guessesRun[index] as number,
    outputRow: (index) => outputRows[index] as number,
    shapeOf: (index) => classes[index] as number,
    logits: () => (isCopied ? copies.logits : context.logits()),
    hidden: () => (isCopied ? copies.hidden : context.hidden()),
    remove: (sequence, from, to) => context.remove(sequence, from, to),
    free: () => context.free(),
  };
}
