import type { GgufValue } from '@ogong/models/gguf/types';
import { type GgufTensorSource, writeGguf } from '@ogong/models/gguf/write';
import { createGenerator, randomHalves } from './random-model.ts';

export interface RandomBertShape {
  readonly embedding: number;
  readonly layers: number;
  readonly heads: number;
  readonly feedForward: number;
  readonly context: number;
  /** llama.h, enum llama_pooling_type. */
  readonly poolingCode: number;
  /** Scores of a classifier behind the first token, as a reranker has it. Default: no classifier. */
  readonly scores?: number;
}

const F32 = 0;
const F16 = 1;
/** llama.h, enum llama_token_type. */
const NORMAL = 1;
const CONTROL = 3;
const SEGMENTS = 2;

const SPECIAL = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
const LETTERS = [...'abcdefghijklmnopqrstuvwxyz'];
/** A WordPiece vocabulary as llama.cpp reads it: the beginning of a word has a mark, and what continues one has none. */
const PIECES = [...LETTERS, ...'0123456789.,', 'the', 'little', 'dog', 'cat', 'sat'].map((piece) => `\u2581${piece}`);
const VOCABULARY = [...SPECIAL, ...PIECES, ...LETTERS];

/**
 * Writes a BERT-like encoder with random weights (f16) and a small WordPiece vocabulary. Equal arguments give equal bytes.
 * Names of tensors and of metadata are those of llama.cpp's architecture `bert`.
 */
export function writeRandomBert(target: string, shape: RandomBertShape): void {
  const { embedding, layers, heads, feedForward, context, poolingCode, scores } = shape;
  const u32 = (value: number): GgufValue => ({ type: 'u32', value });
  const text = (value: string): GgufValue => ({ type: 'string', value });
  const idOf = (word: string): GgufValue => u32(SPECIAL.indexOf(word));
  const metadata = new Map<string, GgufValue>([
    ['general.architecture', text('bert')],
    ['general.name', text('random')],
    ['general.file_type', u32(F16)],
    ['bert.context_length', u32(context)],
    ['bert.embedding_length', u32(embedding)],
    ['bert.block_count', u32(layers)],
    ['bert.feed_forward_length', u32(feedForward)],
    ['bert.attention.head_count', u32(heads)],
    ['bert.attention.layer_norm_epsilon', { type: 'f32', value: 1e-12 }],
    ['bert.attention.causal', { type: 'bool', value: false }],
    ['bert.pooling_type', u32(poolingCode)],
    ['tokenizer.ggml.model', text('bert')],
    ['tokenizer.ggml.token_type_count', u32(SEGMENTS)],
    ['tokenizer.ggml.tokens', { type: 'array', of: 'string', value: VOCABULARY }],
    [
      'tokenizer.ggml.token_type',
      { type: 'array', of: 'i32', value: VOCABULARY.map((_, id) => (id < SPECIAL.length ? CONTROL : NORMAL)) },
    ],
    ['tokenizer.ggml.padding_token_id', idOf('[PAD]')],
    ['tokenizer.ggml.unknown_token_id', idOf('[UNK]')],
    ['tokenizer.ggml.bos_token_id', idOf('[CLS]')],
    ['tokenizer.ggml.cls_token_id', idOf('[CLS]')],
    // The format spells it so.
    ['tokenizer.ggml.seperator_token_id', idOf('[SEP]')],
    ['tokenizer.ggml.mask_token_id', idOf('[MASK]')],
    // Two texts: [CLS] one [SEP] other [SEP].
    ...(scores === undefined ? [] : [['tokenizer.ggml.add_eos_token', { type: 'bool', value: true }] as const]),
    ...(scores === undefined ? [] : [['tokenizer.ggml.add_sep_token', { type: 'bool', value: false }] as const]),
  ]);
  const next = createGenerator(0x2468ace1);
  const tensors: GgufTensorSource[] = [];
  const matrix = (name: string, input: number, output: number, scale: number) =>
    tensors.push({
      name,
      dimensions: [input, output],
      type: F16,
      read: () => randomHalves(next, input * output, scale),
    });
  const floats = (name: string, dimensions: readonly number[], computeValue: () => number) =>
    tensors.push({
      ...{ name, dimensions, type: F32 },
      read: () => {
        const count = dimensions.reduce((product, size) => product * size, 1);
        return [new Uint8Array(Float32Array.from({ length: count }, computeValue).buffer)];
      },
    });
  const draw = (scale: number) => () => (next() / 2 ** 31 - 1) * scale;
  const norm = (name: string) => {
    floats(`${name}.weight`, [embedding], () => 1);
    floats(`${name}.bias`, [embedding], draw(0.1));
  };
  const linear = (name: string, input: number, output: number) => {
    matrix(`${name}.weight`, input, output, 1 / Math.sqrt(input));
    floats(`${name}.bias`, [output], draw(0.1));
  };
  matrix('token_embd.weight', embedding, VOCABULARY.length, 1);
  floats('token_types.weight', [embedding, SEGMENTS], draw(0.1));
  floats('position_embd.weight', [embedding, context], draw(0.3));
  norm('token_embd_norm');
  for (let layer = 0; layer < layers; layer++) {
    const block = `blk.${layer}.`;
    for (const part of ['attn_q', 'attn_k', 'attn_v', 'attn_output']) linear(`${block}${part}`, embedding, embedding);
    norm(`${block}attn_output_norm`);
    linear(`${block}ffn_up`, embedding, feedForward);
    linear(`${block}ffn_down`, feedForward, embedding);
    norm(`${block}layer_output_norm`);
  }
  // Last, so that all other weights are those of the same shape without it.
  if (scores !== undefined) {
    linear('cls', embedding, embedding);
    linear('cls.output', embedding, scores);
  }
  writeGguf(target, { metadata, tensors });
}
