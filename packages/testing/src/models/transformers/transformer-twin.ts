import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readGgufHeader } from '@ogong/models/gguf/read';
import { computeTensorBytes, type GgufHeader, type GgufTensor, numberOf, stringOf } from '@ogong/models/gguf/types';
import { encodeSafetensors, type TestTensor } from './encode-safetensors.ts';
import { createPieceTokenizer } from './piece-tokenizer.ts';

const DTYPES: Readonly<Record<number, string>> = { 0: 'F32', 1: 'F16' };

/** Names of transformers by those of GGUF. */
const NAMES: Readonly<Record<string, string>> = {
  token_embd: 'model.embed_tokens',
  output_norm: 'model.norm',
  output: 'lm_head',
  attn_norm: 'input_layernorm',
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
  attn_q_norm: 'self_attn.q_norm',
  attn_k_norm: 'self_attn.k_norm',
  ffn_norm: 'post_attention_layernorm',
  ffn_gate: 'mlp.gate_proj',
  ffn_up: 'mlp.up_proj',
  ffn_down: 'mlp.down_proj',
};

/** Writes a dense random model of `random-architecture.ts` as the folder of transformers that it would come from. */
export function writeTransformerTwin(folder: string, path: string): void {
  const header = readGgufHeader(path);
  const { tokenizer, tokenizerConfig } = createPieceTokenizer(path);
  const bytes = readFileSync(path);
  const tensors = new Map<string, TestTensor>();
  for (const tensor of header.tensors) {
    const { name, dimensions, type } = tensor;
    const [, layer, part = '', kind = ''] = /^(?:blk\.(\d+)\.)?(\w+)\.(\w+)$/.exec(name) ?? [];
    const start = header.dataOffset + tensor.offset;
    const stored = bytes.subarray(start, start + (computeTensorBytes(tensor) ?? 0));
    tensors.set(`${layer === undefined ? '' : `model.layers.${layer}.`}${NAMES[part]}.${kind}`, {
      dtype: DTYPES[type] ?? '',
      shape: [...dimensions].reverse(),
      bytes: /^attn_[qk]$/.test(part) && kind === 'weight' ? partHalves(header, tensor, stored) : stored,
    });
  }
  mkdirSync(folder, { recursive: true });
  const writeJson = (name: string, content: unknown): void =>
    writeFileSync(join(folder, name), JSON.stringify(content));
  writeJson('config.json', describeModel(header, tensors.has('lm_head.weight')));
  writeJson('tokenizer.json', tokenizer);
  writeJson('tokenizer_config.json', tokenizerConfig);
  writeFileSync(join(folder, 'model.safetensors'), encodeSafetensors(tensors));
}

function describeModel({ metadata }: GgufHeader, hasHead: boolean): Readonly<Record<string, unknown>> {
  const architecture = stringOf(metadata, 'general.architecture');
  const read = (key: string) => numberOf(metadata, `${architecture}.${key}`);
  return {
    ...{ model_type: architecture, hidden_act: 'silu', tie_word_embeddings: !hasHead },
    ...{ hidden_size: read('embedding_length'), intermediate_size: read('feed_forward_length') },
    ...{ num_hidden_layers: read('block_count'), num_attention_heads: read('attention.head_count') },
    ...{ num_key_value_heads: read('attention.head_count_kv'), head_dim: read('attention.key_length') },
    ...{ vocab_size: read('vocab_size'), max_position_embeddings: read('context_length') },
    rms_norm_eps: read('attention.layer_norm_rms_epsilon'),
  };
}

/** Puts the even rows of each head of `llama` before its odd ones; other families keep their rows. */
function partHalves({ metadata }: GgufHeader, { dimensions }: GgufTensor, stored: Buffer): Uint8Array {
  if (stringOf(metadata, 'general.architecture') !== 'llama') return stored;
  const headSize = numberOf(metadata, 'llama.attention.key_length') ?? 1;
  const rows = dimensions[1] ?? 1;
  const rowBytes = stored.length / rows;
  const order = Array.from({ length: rows }, (_, row) => {
    const [head, at] = [Math.floor(row / headSize), row % headSize];
    return head * headSize + (at < headSize / 2 ? 2 * at : 2 * (at - headSize / 2) + 1);
  });
  return Buffer.concat(order.map((row) => stored.subarray(row * rowBytes, (row + 1) * rowBytes)));
}
