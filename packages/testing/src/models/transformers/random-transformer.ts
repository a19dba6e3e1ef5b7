import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createGenerator } from '../random-model.ts';
import { createByteTokenizer } from './byte-tokenizer.ts';
import { encodeSafetensors, encodeValues, type TestTensor } from './encode-safetensors.ts';

export type TransformerFamily = 'llama' | 'qwen2' | 'qwen3';

/** A random model as transformers has it, in memory. */
export interface RandomTransformer {
  readonly family: TransformerFamily;
  readonly sizes: typeof SIZES & { readonly headSize: number; readonly vocabulary: number };
  readonly config: Readonly<Record<string, unknown>>;
  readonly tokenizer: Readonly<Record<string, unknown>>;
  readonly tokenizerConfig: Readonly<Record<string, unknown>>;
  /** Each value is exact in F32, F16 and BF16. */
  readonly tensors: ReadonlyMap<string, { readonly shape: readonly number[]; readonly values: Float32Array }>;
}

const SIZES = { embedding: 64, layers: 2, heads: 4, kvHeads: 2, feedForward: 96 } as const;
/** A few rows of the embedding have no token. */
const SPARE_ROWS = 5;
const LLAMA3_SCALING = {
  rope_type: 'llama3',
  ...{ factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 256 },
};

/** Creates a model whose head is tied to the embedding, but for `llama`. Positions of `llama` are scaled as those of Llama 3. */
export function createRandomTransformer(
  family: TransformerFamily,
  seed: number,
  { tokenizer, tokenizerConfig, size } = createByteTokenizer(family === 'llama' ? 'llama' : 'qwen'),
): RandomTransformer {
  // A head of Qwen 3 does not follow from the size of the model.
  const sizes = { ...SIZES, headSize: family === 'qwen3' ? 32 : 16, vocabulary: size + SPARE_ROWS };
  const { embedding, layers, heads, kvHeads, headSize, feedForward, vocabulary } = sizes;
  const next = createGenerator(seed);
  const tensors = new Map<string, { shape: readonly number[]; values: Float32Array }>();
  const add = (name: string, shape: readonly number[], toValue: (step: number) => number): void => {
    const count = shape.reduce((product, each) => product * each, 1);
    tensors.set(name, { shape, values: Float32Array.from({ length: count }, () => toValue((next() % 255) - 127)) });
  };
  const matrix = (name: string, rows: number, columns: number) =>
    add(`${name}.weight`, [rows, columns], (step) => step / 512);
  const norm = (name: string, length: number) =>
    add(`${name}.weight`, [length], (step) => 1 + Math.trunc(step / 4) / 128);
  const bias = (name: string, length: number) => add(`${name}.bias`, [length], (step) => step / 512);
  matrix('model.embed_tokens', vocabulary, embedding);
  for (let layer = 0; layer < layers; layer++) {
    const block = `model.layers.${layer}.`;
    norm(`${block}input_layernorm`, embedding);
    for (const [name, rows] of Object.entries({ q: heads, k: kvHeads, v: kvHeads })) {
      matrix(`${block}self_attn.${name}_proj`, rows * headSize, embedding);
      if (family === 'qwen2') bias(`${block}self_attn.${name}_proj`, rows * headSize);
      if (family === 'qwen3' && name !== 'v') norm(`${block}self_attn.${name}_norm`, headSize);
    }
    matrix(`${block}self_attn.o_proj`, embedding, heads * headSize);
    norm(`${block}post_attention_layernorm`, embedding);
    matrix(`${block}mlp.gate_proj`, feedForward, embedding);
    matrix(`${block}mlp.up_proj`, feedForward, embedding);
    matrix(`${block}mlp.down_proj`, embedding, feedForward);
  }
  norm('model.norm', embedding);
  if (family === 'llama') matrix('lm_head', vocabulary, embedding);
  const config = {
    architectures: [`${family}ForCausalLM`],
    ...{ model_type: family, hidden_act: 'silu', hidden_size: embedding, intermediate_size: feedForward },
    ...{ num_hidden_layers: layers, num_attention_heads: heads, num_key_value_heads: kvHeads },
    ...(family === 'qwen3' && { head_dim: headSize }),
    ...{ vocab_size: vocabulary, max_position_embeddings: 2_048, rms_norm_eps: 1e-5, rope_theta: 10_000 },
    tie_word_embeddings: family !== 'llama',
    rope_scaling: family === 'llama' ? LLAMA3_SCALING : null,
  };
  return { family, sizes, config, tokenizer, tokenizerConfig, tensors };
}

/** Writes a model as a folder of transformers. @param shards files with weights; with more than one there is an index. */
export function writeTransformer(
  folder: string,
  { config, tokenizer, tokenizerConfig, tensors }: RandomTransformer,
  { dtype, shards = 1 }: { readonly dtype: 'F32' | 'F16' | 'BF16'; readonly shards?: number },
): void {
  mkdirSync(folder, { recursive: true });
  const writeJson = (name: string, content: unknown): void =>
    writeFileSync(join(folder, name), JSON.stringify(content, null, 2));
  writeJson('config.json', config);
  writeJson('tokenizer.json', tokenizer);
  writeJson('tokenizer_config.json', tokenizerConfig);
  const files = Array.from({ length: shards }, () => new Map<string, TestTensor>());
  const nameShard = (shard: number): string =>
    shards === 1 ? 'model.safetensors' : `model-${shard + 1}-of-${shards}.safetensors`;
  const weightMap: Record<string, string> = {};
  [...tensors].forEach(([name, { shape, values }], i) => {
    files[i % shards]?.set(name, { dtype, shape, bytes: encodeValues(dtype, values) });
    weightMap[name] = nameShard(i % shards);
  });
  files.forEach((file, shard) => void writeFileSync(join(folder, nameShard(shard)), encodeSafetensors(file)));
  if (shards > 1) writeJson('model.safetensors.index.json', { metadata: {}, weight_map: weightMap });
}
