import type { BatchContext, BatchModel } from '../batch-model.ts';

/** Long enough for a prompt pass that ggml would tile (64 rows and more), and some decode steps after it. */
const PROMPT_ROWS = 72;
const DECODE_STEPS = 6;

/**
 * Whether decode steps of this model on this machine equal a teacher-forced reference pass bit for bit: two sequences
 * step together after a long prompt, then one pass repeats the first. A claim of exactness rests on having seen it.
 */
export function probeExactness(model: BatchModel): boolean {
  const token = (position: number, sequence: number): number =>
    3 + ((position * 7919 + sequence * 104_729) % Math.max(1, model.vocabularySize - 3));
  const serve = model.createContext({ purpose: 'serve', sequences: 2 });
  const score = model.createContext({ purpose: 'score', sequences: 1 });
  try {
    const total = Math.min(PROMPT_ROWS + DECODE_STEPS, serve.contextSize);
    const prompt = total - DECODE_STEPS;
    const stepped: Float32Array[] = [];
    for (const sequence of [0, 1]) {
      for (let position = 0; position < prompt; position++) serve.add(token(position, sequence), position, sequence);
      serve.decode(false);
    }
    for (let position = prompt; position < total; position++) {
      const alone = position === total - 1;
      for (const sequence of alone ? [0] : [0, 1]) serve.add(token(position, sequence), position, sequence);
      serve.decode(true);
      stepped.push(copyRow(model, serve, 0));
    }
    for (let position = 0; position < prompt; position++) score.add(token(position, 0), position, 0);
    score.decode(false);
    for (let position = prompt; position < total; position++) score.add(token(position, 0), position, 0);
    score.decode(true);
    return stepped.every((row, index) => {
      const forced = copyRow(model, score, index);
      return row.every((value, i) => value === forced[i]);
    });
  } finally {
    serve.free();
    score.free();
  }
}

/** One output row's hidden state and logits, copied. */
function copyRow({ embeddingSize, vocabularySize }: BatchModel, context: BatchContext, row: number): Float32Array {
  const copy = new Float32Array(embeddingSize + vocabularySize);
  copy.set(context.hidden().subarray(row * embeddingSize, (row + 1) * embeddingSize));
  copy.set(context.logits().subarray(row * vocabularySize, (row + 1) * vocabularySize), embeddingSize);
  return copy;
}
