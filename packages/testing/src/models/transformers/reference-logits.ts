import type { RandomTransformer } from './random-transformer.ts';

type Row = Float64Array<ArrayBuffer>;

/**
 * Computes logits as transformers defines them, in f64 and without any optimisation. The halves of a head are turned together. Weights are
 * read as the model in memory has them.
 * @returns natural logarithms for each position, f64[vocabulary] each.
 * Source: the papers of RMSNorm, RoPE, grouped queries and SwiGLU, and the scaling of positions of Llama 3.1.
 */
export function computeReferenceLogits(model: RandomTransformer, tokens: readonly number[]): readonly Row[] {
  const { sizes, tensors, config } = model;
  const { embedding, layers, vocabulary } = sizes;
  const read = (name: string): Float32Array => tensors.get(name)?.values ?? new Float32Array();
  const table = read('model.embed_tokens.weight');
  let states = tokens.map((token) => Float64Array.from(table.subarray(token * embedding, (token + 1) * embedding)));
  for (let layer = 0; layer < layers; layer++) {
    const block = `model.layers.${layer}.`;
    const normed = states.map((row) => normalise(row, read(`${block}input_layernorm.weight`)));
    const attended = attend(model, normed, (name) => read(`${block}self_attn.${name}`));
    states = states.map((row, i) => add(row, attended[i] as Row));
    states = states.map((row) => {
      const inner = normalise(row, read(`${block}post_attention_layernorm.weight`));
      const gate = multiply(read(`${block}mlp.gate_proj.weight`), inner);
      const up = multiply(read(`${block}mlp.up_proj.weight`), inner);
      const gated = gate.map((value, i) => (value / (1 + Math.exp(-value))) * (up[i] as number));
      return add(row, multiply(read(`${block}mlp.down_proj.weight`), gated));
    });
  }
  const head = config.tie_word_embeddings === true ? table : read('lm_head.weight');
  return states.map((row) => multiply(head, normalise(row, read('model.norm.weight'))).subarray(0, vocabulary));
}

function attend(model: RandomTransformer, rows: readonly Row[], read: (name: string) => Float32Array): readonly Row[] {
  const { heads, kvHeads, headSize } = model.sizes;
  const project = (name: 'q' | 'k' | 'v', count: number): readonly (readonly Row[])[] =>
    rows.map((row, position) => {
      const bias = read(`${name}_proj.bias`);
      const all = multiply(read(`${name}_proj.weight`), row).map((value, i) => value + (bias[i] ?? 0));
      return Array.from({ length: count }, (_, head) => {
        const part = all.slice(head * headSize, (head + 1) * headSize);
        if (name === 'v') return part;
        const weights = read(`${name}_norm.weight`);
        return turn(model, weights.length === 0 ? part : normalise(part, weights), position);
      });
    });
  const [queries, keys, values] = [project('q', heads), project('k', kvHeads), project('v', kvHeads)];
  return rows.map((_, position) => {
    const joined = new Float64Array(heads * headSize);
    for (let head = 0; head < heads; head++) {
      const shared = Math.floor((head * kvHeads) / heads);
      const query = queries[position]?.[head] as Row;
      const scores = keys.slice(0, position + 1).map((each) => dot(query, each[shared] as Row) / Math.sqrt(headSize));
      const most = Math.max(...scores);
      const weights = scores.map((score) => Math.exp(score - most));
      const sum = weights.reduce((total, weight) => total + weight, 0);
      weights.forEach((weight, at) => {
        const value = values[at]?.[shared] as Row;
        for (let i = 0; i < headSize; i++) joined[head * headSize + i]! += (weight / sum) * (value[i] as number);
      });
    }
    return multiply(read('o_proj.weight'), joined);
  });
}

/** Turns value i together with value i + half by the position. */
function turn({ config }: RandomTransformer, row: Row, position: number): Row {
  const half = row.length / 2;
  const turned = new Float64Array(row.length);
  for (let i = 0; i < half; i++) {
    const angle = position * scaleFrequency(config, (config.rope_theta as number) ** (-i / half));
    const [x, y] = [row[i] as number, row[i + half] as number];
    turned[i] = x * Math.cos(angle) - y * Math.sin(angle);
    turned[i + half] = y * Math.cos(angle) + x * Math.sin(angle);
  }
  return turned;
}

function scaleFrequency({ rope_scaling: scaling }: Readonly<Record<string, unknown>>, frequency: number): number {
  if (scaling === null) return frequency;
  const { factor, low_freq_factor, high_freq_factor, original_max_position_embeddings } = scaling as Record<
    string,
    number
  > as { factor: number; low_freq_factor: number; high_freq_factor: number; original_max_position_embeddings: number };
  // Turns within the context that the model was first trained for.
  const turns = (original_max_position_embeddings * frequency) / (2 * Math.PI);
  if (turns > high_freq_factor) return frequency;
  if (turns < low_freq_factor) return frequency / factor;
  const blend = (turns - low_freq_factor) / (high_freq_factor - low_freq_factor);
  return (1 - blend) * (frequency / factor) + blend * frequency;
}

function normalise(row: Row, weights: Float32Array): Row {
  const mean = dot(row, row) / row.length;
  return row.map((value, i) => (value / Math.sqrt(mean + 1e-5)) * (weights[i] as number));
}

const dot = (a: Row, b: Row): number => a.reduce((sum, value, i) => sum + value * (b[i] as number), 0);
const add = (a: Row, b: Row): Row => a.map((value, i) => value + (b[i] as number));

/** @param matrix rows by columns, the columns contiguous. */
function multiply(matrix: Float32Array, row: Row): Row {
  const columns = row.length;
  return Float64Array.from({ length: matrix.length / columns }, (_, at) => {
    let sum = 0;
    for (let i = 0; i < columns; i++) sum += (matrix[at * columns + i] as number) * (row[i] as number);
    return sum;
  });
}
