import { readGgufHeader } from '@ogong/models/gguf/read';
import type { GgufValue } from '@ogong/models/gguf/types';
import { type GgufTensorSource, writeGguf } from '@ogong/models/gguf/write';

export interface RandomModelShape {
  readonly embedding: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly feedForward: number;
  readonly context: number;
  /** Size of the vocabulary, at least the donor's. Further words are made up, and no text contains them. Default: the donor's. */
  readonly vocabulary?: number;
  /** llama.h, enum llama_pooling_type: makes an embedding model of it. */
  readonly poolingCode?: number;
  /** An LM head of its own instead of the token embedding's. Default: false. */
  readonly untiedHead?: boolean;
}

const F32 = 0;
const F16 = 1;
const PIECE = 1 << 20;

/**
 * Writes a Llama-architecture model with random weights (f16) and another model's vocabulary, for timing and for numeric
 * classes, where the text does not matter. Equal arguments give equal bytes.
 * @throws RangeError if the vocabulary would be smaller than the donor's.
 */
export function writeRandomModel(
  target: string,
  { vocabularyFrom, shape }: { vocabularyFrom: string; shape: RandomModelShape },
): void {
  const { metadata: donor } = readGgufHeader(vocabularyFrom);
  const tokens = donor.get('tokenizer.ggml.tokens')?.value;
  const known = Array.isArray(tokens) ? tokens.length : 0;
  const vocabulary = shape.vocabulary ?? known;
  if (vocabulary < known) throw new RangeError(`a vocabulary of ${vocabulary} words, the donor has ${known}`);
  const { embedding, layers, heads, kvHeads, feedForward, context } = shape;
  const headSize = embedding / heads;
  const u32 = (value: number): GgufValue => ({ type: 'u32', value });
  const metadata = new Map<string, GgufValue>([
    ['general.architecture', { type: 'string', value: 'llama' }],
    ['general.name', { type: 'string', value: 'random' }],
    ['general.file_type', u32(F16)],
    ['llama.vocab_size', u32(vocabulary)],
    ['llama.context_length', u32(context)],
    ['llama.embedding_length', u32(embedding)],
    ['llama.block_count', u32(layers)],
    ['llama.feed_forward_length', u32(feedForward)],
    ['llama.attention.head_count', u32(heads)],
    ['llama.attention.head_count_kv', u32(kvHeads)],
    ['llama.rope.dimension_count', u32(headSize)],
    ['llama.attention.layer_norm_rms_epsilon', { type: 'f32', value: 1e-5 }],
    ...(shape.poolingCode === undefined ? [] : ([['llama.pooling_type', u32(shape.poolingCode)]] as const)),
    ...[...donor]
      .filter(([key]) => key.startsWith('tokenizer.ggml.'))
      .map(([key, value]): [string, GgufValue] => [key, extend(key, value, vocabulary - known)]),
  ]);
  const next = createGenerator(0x12345678);
  const tensors: GgufTensorSource[] = [];
  const matrix = (name: string, input: number, output: number, scale: number) =>
    tensors.push({
      name,
      dimensions: [input, output],
      type: F16,
      read: () => randomHalves(next, input * output, scale),
    });
  const norm = (name: string, scale: number) =>
    tensors.push({
      name,
      dimensions: [embedding],
      type: F32,
      read: () => [new Uint8Array(new Float32Array(embedding).fill(scale).buffer)],
    });
  const unit = 1 / Math.sqrt(embedding);
  matrix('token_embd.weight', embedding, vocabulary, unit);
  if (shape.untiedHead) matrix('output.weight', embedding, vocabulary, unit);
  for (let layer = 0; layer < layers; layer++) {
    const block = `blk.${layer}.`;
    norm(`${block}attn_norm.weight`, 1);
    matrix(`${block}attn_q.weight`, embedding, embedding, 1.3 * unit);
    matrix(`${block}attn_k.weight`, embedding, headSize * kvHeads, 1.3 * unit);
    matrix(`${block}attn_v.weight`, embedding, headSize * kvHeads, unit);
    matrix(`${block}attn_output.weight`, embedding, embedding, 0.5 * unit);
    norm(`${block}ffn_norm.weight`, 1);
    matrix(`${block}ffn_gate.weight`, embedding, feedForward, unit);
    matrix(`${block}ffn_up.weight`, embedding, feedForward, unit);
    matrix(`${block}ffn_down.weight`, feedForward, embedding, 0.5 / Math.sqrt(feedForward));
  }
  // This spreads logits over a few nats, as in a trained model.
  norm('output_norm.weight', 3);
  writeGguf(target, { metadata, tensors });
}

const NORMAL_TOKEN = 1;
/** A tokenizer score below that of any merge. */
const LAST = -1e6;

/** Lengthens metadata lists that have one entry for each word. */
function extend(key: string, value: GgufValue, count: number): GgufValue {
  if (value.type !== 'array' || count <= 0) return value;
  const more = (of: (i: number) => string | number): GgufValue => ({
    ...value,
    value: [...value.value, ...Array.from({ length: count }, (_, i) => of(i))],
  });
  if (key === 'tokenizer.ggml.tokens') return more((i) => `\u{10fffd}${i}`);
  if (key === 'tokenizer.ggml.scores') return more((i) => LAST - i);
  if (key === 'tokenizer.ggml.token_type') return more(() => NORMAL_TOKEN);
  return value;
}

/** xorshift32. */
export function createGenerator(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/** f16 values from a table of 65,536 draws of a bell curve: the sum of the index's four 4-bit parts, scaled. */
export function* randomHalves(next: () => number, count: number, scale: number): Generator<Uint8Array> {
  const table = new Uint16Array(65_536);
  for (let i = 0; i < table.length; i++) {
    const sum = (i & 15) + ((i >> 4) & 15) + ((i >> 8) & 15) + (i >> 12);
    table[i] = toHalf(((sum - 30) / 9.22) * scale);
  }
  for (let done = 0; done < count; done += PIECE) {
    const piece = new Uint16Array(Math.min(PIECE, count - done));
    for (let i = 0; i < piece.length; i++) piece[i] = table[next() & 0xffff] as number;
    yield new Uint8Array(piece.buffer);
  }
}

const floatBits = new Uint32Array(1);
const floatValue = new Float32Array(floatBits.buffer);

/** f32 to f16, truncating; subnormals become zero. */
function toHalf(value: number): number {
  floatValue[0] = value;
  const bits = floatBits[0] as number;
  const exponent = ((bits >>> 23) & 255) - 112;
  const sign = (bits >>> 16) & 0x8000;
  return exponent <= 0 ? sign : sign | (exponent << 10) | ((bits & 0x7fffff) >>> 13);
}
