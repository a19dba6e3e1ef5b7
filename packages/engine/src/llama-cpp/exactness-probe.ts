import { WIDE } from '@ogong/protocol/modality/text/commitment/shape-classes';
import type { LocalContext, LocalModel } from '../decode/batch-model.ts';
import { cutPiece } from '../decode/prompt-pieces.ts';
import { ROWS_OF } from './pass-shapes.ts';

/** Long enough for a prompt pass that ggml would tile: 64 rows and more. */
const PROMPT_ROWS = 72;
const NEIGHBOUR_ROWS = 10;
/** The prompt's rows. Where pieces have a least length: two of it, and the longest rest that joins the last one. */
const countPromptRows = ({ leastPromptRows: least }: LocalContext): number =>
  least === 0 ? PROMPT_ROWS : 3 * least - 1;
/** Sequences that step together after the prompt: all, with a gap, one alone at either end. */
const STEPS: readonly (readonly number[])[] = [[0, 1, 2], [0, 2], [0], [0, 1], [0, 1, 2], [0], [0, 2], [0], [0, 1, 2]];

/** Rows of the prompts of replies that the second probe scores together, and of each reply: in one pass 66, which ggml could tile. */
const TOGETHER = [72, 14, 31] as const;
const SCORED_ROWS = 22;
/** Rows of each prompt in the pass that has rows of all. */
const SHARED_ROWS = 8;

/** Every other step has guesses, all of them wrong. */
const isGuessing = (step: number): boolean => step % 2 === 1;

/**
 * Whether decode steps of this model on this machine equal a teacher-forced reference pass bit for bit, whatever runs in the
 * same step. An engine claims to be exact only after this test.
 * @param drafts that a step may take along.
 */
export function probeExactness(model: LocalModel, { drafts }: { readonly drafts: number }): boolean {
  const usable = Math.max(1, model.vocabularySize - 3);
  const tokenAt = (position: number, sequence: number): number => 3 + ((position * 7919 + sequence * 104_729) % usable);
  const serve = model.createContext({ purpose: 'serve', sequences: 3 });
  const score = model.createContext({ purpose: 'score', sequences: 1 });
  try {
    const wanted = countPromptRows(serve);
    const prompt = Math.min(wanted, serve.contextSize - STEPS.length);
    // A context without room for two pieces cannot show that it does not matter where they are cut.
    if (serve.leastPromptRows > 0 && prompt < wanted) return false;
    const rowsOf = (sequence: number): number => (sequence === 0 ? prompt : Math.min(NEIGHBOUR_ROWS, prompt));
    /** Runs a sequence's prompt, in the context `as` the sequence of another number. */
    const prefill = (
      context: LocalContext,
      { as, sequence, rows, chunk }: { as: number; sequence: number; rows: number; chunk?: number },
    ) => {
      for (let at = 0; at < rows; ) {
        // The first piece alone has the chunk's length.
        const { end, shapeClass } = cutPiece(context, { from: at, rows, ...(at === 0 && chunk ? { chunk } : {}) });
        for (; at < end; at++) context.add(tokenAt(at, sequence), at, as, shapeClass);
        context.decode(false);
      }
    };
    const positions = [0, 0, 0];
    const add = (sequence: number) => {
      const position = positions[sequence] as number;
      positions[sequence] = position + 1;
      serve.add(tokenAt(position, sequence), position, sequence);
    };
    for (const sequence of positions.keys()) {
      const rows = rowsOf(sequence);
      prefill(serve, { as: sequence, sequence, rows });
      positions[sequence] = rows;
    }
    const stepped = STEPS.flatMap((sequences, step) => {
      for (const sequence of sequences) {
        add(sequence);
        const next = positions[sequence] as number;
        const count = isGuessing(step) ? Math.min(drafts, serve.contextSize - next) : 0;
        if (count > 0)
          serve.guess(
            Int32Array.from({ length: count }, (_, i) => tokenAt(next + i, sequence + 1)),
            count,
          );
      }
      serve.decode(true);
      sequences.forEach((sequence, index) => {
        if (serve.guessesRun(index) > 0) serve.remove(sequence, positions[sequence]);
      });
      return sequences.map((sequence, index) => ({
        ...{ sequence, row: copyRow(model, serve, index) },
        shapeClass: serve.shapeOf(index),
      }));
    });
    return positions.every((_, sequence) => {
      const own = stepped.filter((each) => each.sequence === sequence);
      const rows = rowsOf(sequence);
      score.remove(0);
      // Use other chunks than the serving side, the first as short as a wide pass may be. If chunks change bits, the engine must
      // not claim to be exact.
      prefill(score, { as: 0, sequence, rows, chunk: ROWS_OF[WIDE].least });
      own.forEach(({ shapeClass }, i) => {
        score.add(tokenAt(rows + i, sequence), rows + i, 0, shapeClass);
      });
      score.decode(true);
      return own.every(({ row, shapeClass }, index) => {
        const forced = copyRow(model, score, index);
        return score.shapeOf(index) === shapeClass && row.every((value, i) => value === forced[i]);
      });
    });
  } finally {
    serve.free();
    score.free();
  }
}

/**
 * Whether rows of several replies in one pass of a score equal those of each reply alone, bit for bit. Only then are replies
 * scored together.
 */
export function probeScoresTogether(model: LocalModel): boolean {
  const usable = Math.max(1, model.vocabularySize - 3);
  const tokenAt = (position: number, sequence: number): number => 3 + ((position * 6007 + sequence * 104_729) % usable);
  const together = model.createContext({ purpose: 'score', sequences: TOGETHER.length });
  const alone = model.createContext({ purpose: 'score', sequences: 1 });
  const rowsOf = ({ contextSize }: LocalContext, sequence: number): number =>
    Math.min(TOGETHER[sequence] as number, contextSize - SCORED_ROWS);
  const prefill = (context: LocalContext, as: number, sequence: number): void => {
    const rows = rowsOf(context, sequence);
    const { shapeClass } = cutPiece(context, { from: 0, rows });
    // Prompts that no rule cuts begin with rows of all of them in one pass.
    for (let at = context === together && shapeClass === 0 ? SHARED_ROWS : 0; at < rows; ) {
      const piece = cutPiece(context, { from: at, rows });
      for (; at < piece.end; at++) context.add(tokenAt(at, sequence), at, as, shapeClass);
      context.decode(false);
    }
  };
  const share = (): void => {
    for (const sequence of TOGETHER.keys()) {
      const { shapeClass } = cutPiece(together, { from: 0, rows: rowsOf(together, sequence) });
      if (shapeClass !== 0) continue;
      for (let at = 0; at < SHARED_ROWS; at++) together.add(tokenAt(at, sequence), at, sequence, shapeClass);
    }
    together.decode(false);
  };
  const score = (context: LocalContext, sequences: readonly number[]): readonly Float32Array[] => {
    sequences.forEach((sequence, as) => {
      const rows = rowsOf(context, sequence);
      for (let i = 0; i < SCORED_ROWS; i++) context.add(tokenAt(rows + i, sequence), rows + i, as);
    });
    context.decode(true);
    return Array.from({ length: sequences.length * SCORED_ROWS }, (_, index) => copyRow(model, context, index));
  };
  try {
    share();
    for (const sequence of TOGETHER.keys()) prefill(together, sequence, sequence);
    const shared = score(together, [...TOGETHER.keys()]);
    return [...TOGETHER.keys()].every((sequence) => {
      alone.remove(0);
      prefill(alone, 0, sequence);
      return score(alone, [sequence]).every((row, i) => {
        const other = shared[sequence * SCORED_ROWS + i] as Float32Array;
        return row.every((value, j) => value === other[j]);
      });
    });
  } finally {
    together.free();
    alone.free();
  }
}

/** One output row's hidden state and logits, copied. */
function copyRow({ embeddingSize, vocabularySize }: LocalModel, context: LocalContext, index: number): Float32Array {
  const row = context.outputRow(index);
  const copy = new Float32Array(embeddingSize + vocabularySize);
  copy.set(context.hidden().subarray(row * embeddingSize, (row + 1) * embeddingSize));
  copy.set(context.logits().subarray(row * vocabularySize, (row + 1) * vocabularySize), embeddingSize);
  return copy;
}
