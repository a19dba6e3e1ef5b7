import type { GgufDraft } from './gguf-draft.ts';
import { skipLayers } from './layers.ts';
import { fitChange } from './least-squares.ts';
import { activate, add, attend, type LlamaShape, multiply, readLayer, readShape, readTensor } from './llama-layer.ts';

/** Ridge penalty, large enough that a matrix does not overfit a few thousand tokens. */
const RIDGE = 0.05;

/**
 * Makes a student with fewer layers, trained to have the teacher's hidden states, because a sketch projects these. It leaves out
 * the given layers. In each layer after the first omitted one it fits the two matrices that write to the residual stream,
 * one after the other. The stream comes as close as possible to the teacher's at the same depth.
 * @param texts token ids; several hundred tokens at least.
 */
export function distil(draft: GgufDraft, skipped: readonly number[], texts: readonly Uint32Array[]): GgufDraft {
  const shape = readShape(draft);
  const first = Math.min(...skipped);
  const embedding = readTensor(draft, 'token_embd.weight');
  let teacher = texts.map((tokens) => embed(embedding, tokens, shape.width));
  let layer = 0;
  for (; layer < first; layer++) teacher = advance(draft, layer, teacher, shape).after;
  let student = teacher;
  const fitted = new Map<string, Float32Array>();
  for (; draft.tensors.some(({ name }) => name === `blk.${layer}.attn_q.weight`); layer++) {
    const wanted = advance(draft, layer, teacher, shape);
    teacher = wanted.after;
    if (skipped.includes(layer)) continue;
    const weights = readLayer(draft, layer);
    const attended = student.map((x) => attend(x, weights, shape));
    const output = fit(weights.attentionOutput, { inputs: attended, stream: student, wanted: wanted.between, shape });
    fitted.set(`blk.${layer}.attn_output.weight`, output);
    student = student.map((x, i) => add(x, multiply(attended[i] as Float32Array, output, shape.width)));
    const active = student.map((x) => activate(x, weights, shape));
    const down = fit(weights.down, { inputs: active, stream: student, wanted: wanted.after, shape });
    fitted.set(`blk.${layer}.ffn_down.weight`, down);
    student = student.map((x, i) => add(x, multiply(active[i] as Float32Array, down, shape.channels)));
  }
  const tensors = draft.tensors.map((tensor) => {
    const values = fitted.get(tensor.name);
    return values === undefined ? tensor : { ...tensor, read: () => values };
  });
  return skipLayers({ ...draft, tensors }, skipped);
}

/** The residual stream of a text, before the first layer. */
export function embed(embedding: Float32Array, tokens: Uint32Array, width: number): Float32Array {
  const out = new Float32Array(tokens.length * width);
  tokens.forEach((token, i) => {
    out.set(embedding.subarray(token * width, (token + 1) * width), i * width);
  });
  return out;
}

/** The streams after one layer, and between its two blocks. */
export function advance(draft: GgufDraft, layer: number, streams: readonly Float32Array[], shape: LlamaShape) {
  const weights = readLayer(draft, layer);
  const between = streams.map((x) =>
    add(x, multiply(attend(x, weights, shape), weights.attentionOutput, shape.heads * shape.headSize)),
  );
  const after = between.map((x) => add(x, multiply(activate(x, weights, shape), weights.down, shape.channels)));
  return { between, after };
}

interface Fit {
  /** Inputs of the matrix. */
  readonly inputs: readonly Float32Array[];
  /** The stream that it adds to. */
  readonly stream: readonly Float32Array[];
  readonly wanted: readonly Float32Array[];
  readonly shape: LlamaShape;
}

function fit(matrix: Float32Array, { inputs, stream, wanted, shape: { width } }: Fit): Float32Array {
  const count = matrix.length / width;
  const x = join(inputs);
  const now = add(join(stream), multiply(x, matrix, count));
  const rest = join(wanted).map((value, i) => value - (now[i] as number));
  const change = fitChange(x, rest, { inputs: count, outputs: width, ridge: RIDGE });
  return matrix.map((value, i) => value + (change[i] as number));
}

function join(parts: readonly Float32Array[]): Float32Array {
  const out = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
