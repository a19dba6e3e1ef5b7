import { numberOf } from '@ogong/models/gguf/types';
import { type GgufDraft, shapeOf } from './gguf-draft.ts';

/** A Llama block in plain TypeScript, for training a student. It is slow and computes in f64: close to the engine, not bit-exact. */
export interface LlamaShape {
  readonly width: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headSize: number;
  readonly channels: number;
  readonly ropeBase: number;
  readonly epsilon: number;
}

export interface LayerWeights {
  readonly attentionNorm: Float32Array;
  readonly query: Float32Array;
  readonly key: Float32Array;
  readonly value: Float32Array;
  readonly attentionOutput: Float32Array;
  readonly feedForwardNorm: Float32Array;
  readonly gate: Float32Array;
  readonly up: Float32Array;
  readonly down: Float32Array;
}

export function readShape(draft: GgufDraft): LlamaShape {
  const heads = shapeOf(draft, 'attention.head_count');
  const width = shapeOf(draft, 'embedding_length');
  return {
    width,
    heads,
    kvHeads: shapeOf(draft, 'attention.head_count_kv'),
    headSize: width / heads,
    channels: shapeOf(draft, 'feed_forward_length'),
    ropeBase: numberOf(draft.metadata, 'llama.rope.freq_base') ?? 10_000,
    epsilon: numberOf(draft.metadata, 'llama.attention.layer_norm_rms_epsilon') ?? 1e-5,
  };
}

export function readTensor({ tensors }: GgufDraft, name: string): Float32Array {
  const found = tensors.find((tensor) => tensor.name === name);
  if (found === undefined) throw new TypeError(`the model has no tensor ${name}`);
  return found.read();
}

export function readLayer(draft: GgufDraft, layer: number): LayerWeights {
  const read = (part: string): Float32Array => readTensor(draft, `blk.${layer}.${part}.weight`);
  return {
    attentionNorm: read('attn_norm'),
    query: read('attn_q'),
    key: read('attn_k'),
    value: read('attn_v'),
    attentionOutput: read('attn_output'),
    feedForwardNorm: read('ffn_norm'),
    gate: read('ffn_gate'),
    up: read('ffn_up'),
    down: read('ffn_down'),
  };
}

/** Rows x [rows, inputs] times w [outputs, inputs] transposed. */
export function multiply(x: Float32Array, w: Float32Array, inputs: number): Float32Array {
  const rows = x.length / inputs;
  const outputs = w.length / inputs;
  const out = new Float32Array(rows * outputs);
  for (let r = 0; r < rows; r++) {
    const from = r * inputs;
    // Four sums at a time, because a single sum waits for each addition. The order within a sum is unchanged.
    for (let o = 0; o < outputs; o += 4) {
      const most = outputs - 1;
      const [a, b, c, d] = [o, Math.min(o + 1, most), Math.min(o + 2, most), Math.min(o + 3, most)];
      let [sumA, sumB, sumC, sumD] = [0, 0, 0, 0];
      for (let i = 0; i < inputs; i++) {
        const value = x[from + i] as number;
        sumA += value * (w[a * inputs + i] as number);
        sumB += value * (w[b * inputs + i] as number);
        sumC += value * (w[c * inputs + i] as number);
        sumD += value * (w[d * inputs + i] as number);
      }
      out[r * outputs + a] = sumA;
      out[r * outputs + b] = sumB;
      out[r * outputs + c] = sumC;
      out[r * outputs + d] = sumD;
    }
  }
  return out;
}

export function add(a: Float32Array, b: Float32Array): Float32Array {
  return a.map((value, i) => value + (b[i] as number));
}

function normalise(x: Float32Array, weights: Float32Array, epsilon: number): Float32Array {
  const width = weights.length;
  const out = new Float32Array(x.length);
  for (let row = 0; row < x.length; row += width) {
    let sum = 0;
    for (let i = 0; i < width; i++) sum += (x[row + i] as number) ** 2;
    const scale = 1 / Math.sqrt(sum / width + epsilon);
    for (let i = 0; i < width; i++) out[row + i] = (x[row + i] as number) * scale * (weights[i] as number);
  }
  return out;
}

/** Rotates neighbouring pairs of every head by the angles of its position, in place. */
function rotate(x: Float32Array, { headSize, ropeBase }: LlamaShape, stride: number): void {
  for (let row = 0, position = 0; row < x.length; row += stride, position++) {
    for (let i = 0; i < stride; i += 2) {
      const angle = position * ropeBase ** (-(i % headSize) / headSize);
      const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
      const a = x[row + i] as number;
      const b = x[row + i + 1] as number;
      x[row + i] = a * cos - b * sin;
      x[row + i + 1] = a * sin + b * cos;
    }
  }
}

/**
 * The outputs of all attention heads, before the output matrix.
 * @param x f32[positions, width], one sequence from its beginning.
 * @returns f32[positions, heads * headSize].
 */
export function attend(x: Float32Array, weights: LayerWeights, shape: LlamaShape): Float32Array {
  const { width, heads, kvHeads, headSize } = shape;
  const n = normalise(x, weights.attentionNorm, shape.epsilon);
  const q = multiply(n, weights.query, width);
  const k = multiply(n, weights.key, width);
  const v = multiply(n, weights.value, width);
  const kvWidth = kvHeads * headSize;
  rotate(q, shape, heads * headSize);
  rotate(k, shape, kvWidth);
  const positions = x.length / width;
  const out = new Float32Array(positions * heads * headSize);
  const scores = new Float64Array(positions);
  for (let head = 0; head < heads; head++) {
    const kvAt = Math.floor((head * kvHeads) / heads) * headSize;
    for (let t = 0; t < positions; t++) {
      const at = t * heads * headSize + head * headSize;
      let largest = Number.NEGATIVE_INFINITY;
      for (let s = 0; s <= t; s++) {
        let sum = 0;
        for (let i = 0; i < headSize; i++) sum += (q[at + i] as number) * (k[s * kvWidth + kvAt + i] as number);
        scores[s] = sum / Math.sqrt(headSize);
        largest = Math.max(largest, scores[s] as number);
      }
      let total = 0;
      for (let s = 0; s <= t; s++) {
        scores[s] = Math.exp((scores[s] as number) - largest);
        total += scores[s] as number;
      }
      for (let s = 0; s <= t; s++) {
        const share = (scores[s] as number) / total;
        for (let i = 0; i < headSize; i++) {
          out[at + i] = (out[at + i] as number) + share * (v[s * kvWidth + kvAt + i] as number);
        }
      }
    }
  }
  return out;
}

/** The feed-forward block's channels, before its last matrix: f32[positions, channels]. */
export function activate(x: Float32Array, weights: LayerWeights, { width, epsilon }: LlamaShape): Float32Array {
  const n = normalise(x, weights.feedForwardNorm, epsilon);
  const gate = multiply(n, weights.gate, width);
  const up = multiply(n, weights.up, width);
  return gate.map((value, i) => (value / (1 + Math.exp(-value))) * (up[i] as number));
}
