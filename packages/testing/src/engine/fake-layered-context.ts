import type { EdgeContext, PushRows, TraceContext } from '@ogong/engine/decode/batch-model';
import { EngineError } from '@ogong/engine/interface/engine-error';
import {
  createFakeEmbedding,
  createFakeHead,
  createFakeLayers,
  type LayeredOptions,
  normalizeRow,
} from './fake-layers.ts';

interface Row {
  readonly token: number;
  readonly position: number;
  readonly sequence: number;
}

const BATCH_SIZE = 64;

/** A context of a whole model of layers. Its numeric class knows no shapes. */
export function createLayeredContext(
  options: LayeredOptions & { readonly contextSize: number; readonly error?: number },
  sequences: number,
  { onDecode, priorOf }: { readonly onDecode: () => void; readonly priorOf: (token: number) => number },
): TraceContext & EdgeContext {
  const { vocabularySize, embeddingSize, contextSize, layers, error } = options;
  const embed = createFakeEmbedding(options);
  const writeLogits = createFakeHead(options, { priorOf, error });
  const blocks = createFakeLayers(options, { from: 0, to: layers });
  let rows: Row[] = [];
  /** For every added row: its index, and the number of guesses after it. */
  let added: { row: number; guesses: number }[] = [];
  let decoded: typeof added = [];
  let logits = new Float32Array(0);
  let hidden = new Float32Array(0);
  let stages: readonly Float32Array[] = [];
  let edges: readonly number[] = [];
  let showRow: PushRows | undefined;
  return {
    ...{ contextSize, sequences, batchSize: BATCH_SIZE, promptShape: 0, leastPromptRows: 0 },
    passRows: () => BATCH_SIZE,
    add(token, position, sequence) {
      const isInside = token < vocabularySize && position < contextSize && sequence < sequences;
      if (!isInside || rows.length >= BATCH_SIZE)
        throw new RangeError(`row out of bounds: token ${token}, position ${position}, sequence ${sequence}`);
      added.push({ row: rows.length, guesses: 0 });
      rows.push({ token, position, sequence });
    },
    guess(guesses, count) {
      const { position, sequence } = rows.at(-1) as Row;
      // Room for every sequence's own row comes first.
      const ran = Math.max(0, Math.min(count, BATCH_SIZE - sequences - rows.length));
      for (let i = 0; i < ran; i++) rows.push({ token: guesses[i] as number, position: position + 1 + i, sequence });
      (added.at(-1) as (typeof added)[number]).guesses = ran;
    },
    guessesRun: (index) => decoded[index]?.guesses ?? 0,
    decode(outputs) {
      const batch = rows;
      rows = [];
      [decoded, added] = [added, []];
      onDecode();
      logits = new Float32Array(outputs ? batch.length * vocabularySize : 0);
      hidden = new Float32Array(outputs ? batch.length * embeddingSize : 0);
      batch.forEach(({ token, position, sequence }, row) => {
        const next = blocks.positions(sequence);
        if (next !== position) throw new EngineError('engine-crashed', `position ${position} does not follow ${next}`);
        const embedding = embed(token);
        const outputsOf = blocks.push(sequence, embedding);
        if (row === 0) stages = [embedding.slice(), ...outputsOf];
        for (const edge of edges) showRow?.(edge, (outputsOf[edge - 1] as Float32Array).slice());
        if (!outputs) return;
        const last = normalizeRow(outputsOf.at(-1) as Float32Array);
        hidden.set(last, row * embeddingSize);
        writeLogits(last, logits, row * vocabularySize);
      });
    },
    outputRow: (index) => decoded[index]?.row ?? 0,
    shapeOf: () => 0,
    logits: () => logits,
    hidden: () => hidden,
    layerRows: () => stages,
    watch(next, nextPush) {
      edges = next;
      showRow = nextPush;
    },
    remove(sequence, from = 0, to) {
      if (to !== undefined) throw new RangeError('a row holds all before it: the first go with the last');
      blocks.drop(sequence, from);
    },
    free: () => undefined,
  };
}
