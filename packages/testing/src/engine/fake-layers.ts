import { gaussian, mix } from './fake-numbers.ts';

/** Sizes and weights of a fake model of layers. */
export interface LayeredOptions {
  /** Another number makes another model. */
  readonly weights: number;
  /** Layers of the whole model. */
  readonly layers: number;
  readonly embeddingSize: number;
  readonly vocabularySize: number;
}

/** Consecutive layers of the model with their caches. As in a model, a row depends on all rows of its sequence before it. */
export interface FakeLayers {
  /** Positions that a sequence has. */
  positions(sequence: number): number;
  /** Computes the next position of a sequence. @returns the output of each layer, f32[embeddingSize]; the last one's is the row. */
  push(sequence: number, input: Float32Array): Float32Array[];
  /** Drops the positions of a sequence from `position` on. */
  drop(sequence: number, position: number): void;
}

/** Inputs of one value of a layer's output: two values of the row, and one of the rows before it. */
const TERMS = 3;
/** Share of a layer's memory that one more position leaves. */
const MEMORY = 0.9;

/**
 * Creates the layers from `from` up to but not with `to`. A small change of a row changes all later rows a little, and another or a
 * missing layer changes them a lot. All arithmetic is exact in f64 and rounded to f32, so equal inputs give equal bits.
 */
export function createFakeLayers(
  { weights, embeddingSize }: LayeredOptions,
  { from, to }: { readonly from: number; readonly to: number },
): FakeLayers {
  const seeds = Array.from({ length: to - from }, (_, i) => mix(weights, 0x1a7e0000 + from + i));
  const tables = seeds.map((seed) =>
    Float64Array.from({ length: embeddingSize * TERMS }, (_, i) => gaussian(mix(seed, i))),
  );
  /** By sequence, position and layer: the mean of the inputs so far, of which later ones count more. */
  const memories = new Map<number, Float32Array[][]>();

  const compute = (layer: number, input: Float32Array, memory: Float32Array): Float32Array => {
    const table = tables[layer] as Float64Array;
    const shift = 1 + (layer + from) * 2;
    return Float32Array.from({ length: embeddingSize }, (_, i) => {
      const at = i * TERMS;
      const sum =
        (input[i] as number) +
        1.5 * (table[at] as number) * (input[(i + shift) % embeddingSize] as number) +
        (table[at + 1] as number) * (memory[(i + shift + 1) % embeddingSize] as number) +
        0.3 * (table[at + 2] as number);
      return (2 * sum) / (1 + Math.abs(sum));
    });
  };

  return {
    positions: (sequence) => memories.get(sequence)?.length ?? 0,
    push(sequence, input) {
      const kept = memories.get(sequence) ?? [];
      memories.set(sequence, kept);
      const before = kept.at(-1);
      const outputs: Float32Array[] = [];
      const now: Float32Array[] = [];
      seeds.forEach((_, layer) => {
        const row = outputs.at(-1) ?? input;
        const memory = row.map((value, i) => MEMORY * (before?.[layer]?.[i] ?? 0) + (1 - MEMORY) * value);
        now.push(memory);
        outputs.push(compute(layer, row, memory));
      });
      kept.push(now);
      return outputs;
    },
    drop(sequence, position) {
      memories.get(sequence)?.splice(position);
    },
  };
}

/** Returns the rows of tokens before the first layer; each is computed once. */
export function createFakeEmbedding({ weights, embeddingSize }: LayeredOptions): (token: number) => Float32Array {
  const rows = new Map<number, Float32Array>();
  return (token) => {
    const known = rows.get(token);
    if (known !== undefined) return known;
    const seed = mix(weights, 0xe3bed000 + token);
    const row = Float32Array.from({ length: embeddingSize }, (_, i) => gaussian(mix(seed, i)));
    rows.set(token, row);
    return row;
  };
}

/** Divides a row by the root of the mean of its squares: the input of the head. */
export function normalizeRow(row: Float32Array): Float32Array {
  const squares = row.reduce((sum, value) => sum + value * value, 0);
  const scale = 1 / Math.sqrt(squares / row.length + 1e-6);
  return row.map((value) => value * scale);
}

/**
 * Returns the head, which writes the logits of a normalised row from an offset on.
 * @param priorOf logit of a token before the row counts. @param error is added to one logit in a thousand.
 */
export function createFakeHead(
  { weights, embeddingSize, vocabularySize }: LayeredOptions,
  { priorOf, error = 0 }: { readonly priorOf: (token: number) => number; readonly error?: number | undefined },
): (row: Float32Array, logits: Float32Array, offset: number) => void {
  const table = Float64Array.from({ length: vocabularySize * embeddingSize }, (_, i) =>
    gaussian(mix(weights, 0x4ead0000 + i)),
  );
  const scale = 2 / Math.sqrt(embeddingSize);
  return (row, logits, offset) => {
    const bits = error === 0 ? 0 : Math.round(1e6 * (row[0] as number));
    for (let token = 0; token < vocabularySize; token++) {
      let sum = 0;
      for (let i = 0; i < embeddingSize; i++) sum += (row[i] as number) * (table[token * embeddingSize + i] as number);
      const wrong = error !== 0 && mix(bits, token) % 1000 === 0 ? error : 0;
      logits[offset + token] = priorOf(token) + scale * sum + wrong;
    }
  };
}
