import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { readGgufHeader } from '@ogong/engine/gguf/read';
import type { GgufValue } from '@ogong/engine/gguf/types';
import { type GgufTensorSource, writeGguf } from '@ogong/engine/gguf/write';

const F32 = 0;
const Q8_0 = 8;
const SHAPE = { embedding: 768, feedForward: 2048, layers: 12, heads: 12, vocabulary: 32_000, context: 1024 } as const;

/**
 * A Llama-architecture model of about 134 million random parameters in Q8_0, with the vocabulary of `vocabularyModel`:
 * large enough that a token's arithmetic outweighs its bookkeeping, for timings where the text does not matter.
 * @returns the file's path; written once, equal bytes every time.
 */
export function writeRandomModel(directory: string, vocabularyModel: string): string {
  const path = join(directory, 'bench-random-134m-q8_0.gguf');
  if (existsSync(path)) return path;
  const { embedding, feedForward, layers, heads, vocabulary, context } = SHAPE;
  const metadata = new Map<string, GgufValue>(
    [...readGgufHeader(vocabularyModel).metadata].filter(([key]) => key.startsWith('tokenizer.')),
  );
  const u32 = (key: string, value: number) => metadata.set(key, { type: 'u32', value });
  metadata.set('general.architecture', { type: 'string', value: 'llama' });
  metadata.set('general.name', { type: 'string', value: 'random 134M, for timings' });
  u32('general.file_type', 7);
  u32('llama.context_length', context);
  u32('llama.embedding_length', embedding);
  u32('llama.feed_forward_length', feedForward);
  u32('llama.block_count', layers);
  u32('llama.attention.head_count', heads);
  u32('llama.attention.head_count_kv', heads);
  u32('llama.rope.dimension_count', embedding / heads);
  u32('llama.vocab_size', vocabulary);
  metadata.set('llama.attention.layer_norm_rms_epsilon', { type: 'f32', value: 1e-5 });

  const tensors: GgufTensorSource[] = [];
  const weight = (name: string, columns: number, rows: number) =>
    tensors.push({
      name: `${name}.weight`,
      dimensions: [columns, rows],
      type: Q8_0,
      read: () => randomBlocks(tensors.length, columns, rows),
    });
  const norm = (name: string) =>
    tensors.push({
      name: `${name}.weight`,
      dimensions: [embedding],
      type: F32,
      read: () => [new Uint8Array(new Float32Array(embedding).fill(1).buffer)],
    });
  weight('token_embd', embedding, vocabulary);
  for (let layer = 0; layer < layers; layer++) {
    norm(`blk.${layer}.attn_norm`);
    for (const part of ['attn_q', 'attn_k', 'attn_v', 'attn_output'])
      weight(`blk.${layer}.${part}`, embedding, embedding);
    norm(`blk.${layer}.ffn_norm`);
    weight(`blk.${layer}.ffn_gate`, embedding, feedForward);
    weight(`blk.${layer}.ffn_up`, embedding, feedForward);
    weight(`blk.${layer}.ffn_down`, feedForward, embedding);
  }
  norm('output_norm');
  weight('output', embedding, vocabulary);
  writeGguf(`${path}.part`, { metadata, tensors });
  renameSync(`${path}.part`, path);
  return path;
}

/** Q8_0 rows: per 32 weights an f16 scale, here one for all, and 32 signed bytes from xorshift32. */
function* randomBlocks(seed: number, columns: number, rows: number): Generator<Uint8Array> {
  let state = (seed + 1) * 0x9e3779b1;
  const scale = toHalf(1.7 / (127 * Math.sqrt(columns)));
  const row = new Uint8Array((columns / 32) * 34);
  for (let r = 0; r < rows; r++) {
    for (let at = 0; at < row.length; at += 34) {
      row[at] = scale & 0xff;
      row[at + 1] = scale >> 8;
      for (let i = 2; i < 34; i++) {
        state ^= state << 13;
        state ^= state >>> 17;
        state ^= state << 5;
        row[at + i] = state & 0xff;
      }
    }
    yield row.slice();
  }
}

/** IEEE half of a normal positive number. */
function toHalf(value: number): number {
  const exponent = Math.floor(Math.log2(value));
  return ((exponent + 15) << 10) | Math.round((value / 2 ** exponent - 1) * 1024);
}
